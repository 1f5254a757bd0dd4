"""States are kept back until all of their transaction has come, and never longer than the owner's next word."""

from libs.common.log import BEGINNING, Position
from libs.common.staging import Place, Staging

UNITS, TEAMS = ("units", 0), ("teams", 0)


def staging(*places: Place) -> Staging[str]:
    return Staging(places or (UNITS,))


def test_states_wait_for_the_word_that_the_log_has_been_sent_beyond_their_transaction() -> None:
    staged = staging()
    staged.add(UNITS, Position(1, 7, 1), "a")
    staged.mark(UNITS, Position(1, 7, 1), caught_up=False)
    staged.add(UNITS, Position(1, 7, 2), "b")
    assert staged.take() == []
    staged.mark(UNITS, Position(1, 8, 3), caught_up=False)
    assert staged.take() == ["a", "b"]
    assert (staged.take(), len(staged)) == ([], 0)


def test_the_end_of_the_log_is_the_end_of_its_last_transaction() -> None:
    staged = staging()
    staged.add(UNITS, Position(1, 7, 2), "b")
    staged.mark(UNITS, Position(1, 7, 2), caught_up=True)
    assert staged.take() == ["b"]


def test_every_partition_must_have_been_told() -> None:
    staged = staging(UNITS, TEAMS)
    staged.add(UNITS, Position(1, 7, 1), "unit")
    staged.mark(UNITS, Position(1, 7, 2), caught_up=True)
    assert staged.take() == []
    staged.add(TEAMS, Position(1, 7, 2), "team")
    staged.mark(TEAMS, Position(1, 7, 2), caught_up=True)
    assert staged.take() == ["unit", "team"]


def test_a_transaction_is_not_whole_while_a_later_one_has_taken_a_state_out_of_it() -> None:
    staged = staging()
    # The record of the second state was written by 7 and 9; only its newest state is sent, where 7's would be.
    staged.add(UNITS, Position(1, 7, 1), "a")
    staged.add(UNITS, Position(1, 9, 4), "b as of 9")
    staged.mark(UNITS, Position(1, 7, 2), caught_up=False)
    assert staged.take() == []
    staged.add(UNITS, Position(1, 9, 5), "c")
    staged.mark(UNITS, Position(1, 9, 5), caught_up=True)
    assert staged.take() == ["a", "b as of 9", "c"]


def test_what_is_sent_again_or_has_no_position_does_not_wait() -> None:
    staged = staging()
    staged.mark(UNITS, Position(1, 9, 5), caught_up=True)
    staged.add(UNITS, Position(1, 7, 1), "again")
    staged.add(UNITS, BEGINNING, "without")
    assert staged.take() == ["again", "without"]


def test_a_log_that_began_again_lower_keeps_nothing_back_for_ever() -> None:
    staged = staging()
    staged.add(UNITS, Position(1, 900, 1), "of a database that is gone")
    staged.mark(UNITS, Position(1, 5, 1), caught_up=True)
    staged.add(UNITS, Position(1, 6, 1), "a")
    assert staged.take() == []
    staged.mark(UNITS, Position(1, 6, 1), caught_up=True)
    assert staged.take() == ["a"]


def test_a_restored_log_is_later_whatever_its_transactions_are_called() -> None:
    staged = staging()
    staged.mark(UNITS, Position(1, 900, 1), caught_up=True)
    staged.add(UNITS, Position(2, 5, 1), "a")
    assert staged.take() == []
    staged.mark(UNITS, Position(2, 5, 1), caught_up=True)
    assert staged.take() == ["a"]


def test_what_had_come_whole_before_an_interruption_is_whole_when_read_again() -> None:
    first = staging()
    first.mark(UNITS, Position(1, 9, 5), caught_up=True)
    again = Staging[str]([UNITS], first.sealed)
    again.add(UNITS, Position(1, 9, 4), "known")
    again.add(UNITS, Position(1, 10, 6), "new")
    assert again.take() == ["known"]
