"""Pseudonyms lifted by who lacks the first key are those that the whole chain makes."""

import pytest

from services.metrics.consumer.records import read_by_contract
from services.metrics.consumer.wire import read_record
from services.metrics.domain.keys import Ahead, KeyMissing, Lifter
from services.visits.domain.identity import KeyChain
from tests.support.metrics import a_line, a_record

KEYS = tuple(bytes([n]) * 32 for n in (1, 2, 3))


@pytest.mark.parametrize(("level", "to"), [(1, 1), (1, 2), (1, 3), (2, 3), (3, 3)])
def test_a_pseudonym_is_lifted_to_what_the_longer_chain_makes(level: int, to: int) -> None:
    older, newer = (bytes.fromhex(KeyChain(KEYS[:n]).pseudonym("phone", "+84912345678")) for n in (level, to))
    assert Lifter(KEYS[1:]).lift(older, level, to) == newer
    assert KeyChain(KEYS[:to]).lifted(older.hex(), level) == newer.hex()


def test_what_is_of_a_newer_key_than_people_are_kept_at_waits() -> None:
    with pytest.raises(Ahead):
        Lifter(KEYS[1:]).lift(b"x" * 16, 3, 2)


def test_a_process_without_the_key_says_so_rather_than_count_somebody_anew() -> None:
    with pytest.raises(KeyMissing):
        Lifter(()).lift(b"x" * 16, 1, 2)


def test_a_short_key_is_refused_and_none_is_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Lifter((b"short",))
    assert repr(KEYS[1]) not in repr(Lifter(KEYS[1:]))


def test_a_record_is_lifted_whole_each_line_from_its_own_level() -> None:
    one, two = KeyChain(KEYS[:1]), KeyChain(KEYS[:2])
    told = a_record(
        1,
        a_line(1, person={"level": 1, "phone": one.pseudonym("phone", "+84912345678")}),
        a_line(2, person={"level": 2, "phone": two.pseudonym("phone", "+84912345678")}),
        a_line(3),
    ).model_copy(update={"household": one.pseudonym("household", "H1"), "household_level": 1})
    body = told.model_dump_json().encode()
    record = read_record(body)
    assert record is not None
    assert record == read_by_contract(body)
    assert not record.is_at(2)
    lifted = Lifter(KEYS[1:2]).lifted(record, 2)
    assert lifted.is_at(2)
    assert {line.refs for line in lifted.lines} == {
        (None, bytes.fromhex(two.pseudonym("phone", "+84912345678")), None, None),
        (None, None, None, None),
    }
    assert lifted.household == bytes.fromhex(two.pseudonym("household", "H1"))


def test_a_record_without_anybody_is_at_every_level() -> None:
    record = read_record(a_record(1, a_line(1)).model_dump_json().encode())
    assert record is not None
    assert record.is_at(7)
