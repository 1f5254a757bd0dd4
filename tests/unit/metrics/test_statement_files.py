"""Files of statements: what is taken, what is refused, and how a figure is said."""

from decimal import Decimal
from pathlib import Path

import pytest

from libs.common.files import BadFile
from services.metrics.domain.statement_files import read_statements, read_words
from services.metrics.domain.statements import Statement
from services.metrics.domain.wording import figure, said

DATA = Path(__file__).parents[3] / "data"
WORDS = read_words("w.toml", (DATA / "statement_words.toml").read_bytes())
SEEDS = (DATA / "seed_statements.csv").read_text(encoding="utf-8")
HEADER = SEEDS.splitlines()[0] + "\n"


def statements(text: str = SEEDS) -> dict[str, Statement]:
    return {each.id: each for each in read_statements("s.csv", text.encode(), WORDS)}


def mistakes(text: str) -> list[tuple[str, str]]:
    with pytest.raises(BadFile) as raised:
        statements(text)
    return [(mistake.place, mistake.column) for mistake in raised.value.mistakes]


def test_all_seventy_five_seeds_are_read() -> None:
    read = statements()
    assert len(read) == 75
    assert read["2.04"].value == Decimal("9.07")
    assert figure(read["2.04"].value) == "9.07"
    assert (read["2.05"].level, read["2.05"].unit_codes) == ("district", ("360", "359"))
    assert (read["1.12a"].as_of, str(read["1.12a"].due)) == (None, "2024-12-31")
    assert (read["5.19"].due, read["5.04a"].part) == (None, "2g")
    assert all(read[f"5.{number}"].ambiguous for number in range(15, 19))
    assert [each.id for each in read.values() if each.part is None and "scope_ambiguous" in each.flags] == [
        "5.15",
        "5.16",
        "5.17",
        "5.18",
    ]


@pytest.mark.parametrize(
    ("statement_id", "vi", "en"),
    [
        ("1.01", "gần 105.000", "just under 105,000"),
        ("1.09", "trên 70 %", "more than 70%"),
        ("1.11", "khoảng 90 %", "about 90%"),
        ("2.01", "trên 1.800.000", "more than 1,800,000"),
        ("2.04", "9,07 %", "9.07%"),
        ("2.12", "tối thiểu 3", "at least 3"),
        ("2.13", "thứ 4/63", "rank 4/63"),
        ("3.07", "hàng chục nghìn", "tens of thousands"),
        ("5.05", "1.831.160", "1,831,160"),
        ("5.06", "trên 1,76", "more than 1.76"),
        ("5.14", "trên 4.000", "more than 4,000"),
    ],
)
def test_a_figure_is_shown_as_it_was_said(statement_id: str, vi: str, en: str) -> None:
    wording = said(statements()[statement_id])
    assert (wording.vi, wording.en) == (vi, en)


def test_almost_105000_sorts_as_105000() -> None:
    read = statements()
    assert read["1.01"].value == 105_000
    assert sorted(("1.03", "1.01", "1.02"), key=lambda each: read[each].value) == ["1.02", "1.03", "1.01"]


def test_a_fraction_of_subscriptions_lacks_its_magnitude_and_is_taken_with_a_note_only() -> None:
    line = next(line for line in SEEDS.splitlines() if line.startswith("5.06,"))
    without = HEADER + line[: line.index(",magnitude_missing") + len(",magnitude_missing")] + ",\n"
    with pytest.raises(BadFile) as raised:
        statements(without)
    mistake = raised.value.mistakes[0]
    assert (mistake.place, mistake.column) == ("2", "value")
    assert mistake.en.startswith("magnitude_missing: there cannot be 1.76 subscription")
    unflagged = without.replace("magnitude_missing", "")
    assert mistakes(unflagged) == [("2", "value")]
    taken = statements(HEADER + line + "\n")["5.06"]
    assert (taken.value, taken.flags, taken.usable_in_rates) == (Decimal("1.76"), ("magnitude_missing",), False)
    noted = statements(unflagged[:-1] + "as printed\n")["5.06"]
    assert noted.flags == ("magnitude_missing",)


def test_no_rate_may_use_a_mixed_unit_or_a_scope_nobody_knows() -> None:
    read = statements()
    assert read["5.14"].unit_of_count == "mixed"
    unusable = {"5.14", "5.15", "5.06", "3.07", "1.11", "2.13", "2.16"}
    assert not any(read[each].usable_in_rates for each in unusable)
    assert all(read[each].usable_in_rates for each in ("1.01", "3.01", "5.03", "4.02"))


def test_a_sum_that_the_source_states_is_the_sum() -> None:
    assert statements()["5.03"].sum_of == ("5.04",)
    assert statements()["3.01"].sum_of == ("3.03", "3.05")
    assert mistakes(SEEDS.replace("exact,2090,station", "exact,2091,station")) == [("54", "value")]
    assert mistakes(SEEDS.replace("exact,1814,person", "exact,1814,team")) == [("41", "value")]
    assert mistakes(SEEDS.replace("sum_of_3.03_3.05", "sum_of_3.03_3.99")) == [("40", "flag")]


@pytest.mark.parametrize(
    ("was", "now", "column"),
    [
        ("1.02,S1,", "1.02,S9,", "seed"),
        ("1.02,S1,11", "1.02,S1,1", "province_old"),
        ("1.02,S1", "1.01,S1", "id"),
        (",more_than,500,", ",more,500,", "qualifier"),
        (",more_than,500,case", ",more_than,500,cases", "unit_of_count"),
        (",more_than,500,", ",more_than,5e2,", "value"),
        (",more_than,500,", ",more_than,,", "value"),
        ("2024-01-30,provincial_hospital", "2024-13-30,provincial_hospital", "as_of_or_due"),
        ("provincial_hospital", "provincial_hospitals", "flag"),
        ("360;359,district", "360;36,district", "unit_old"),
        ("360;359,district", ",district", "unit_old"),
    ],
)
def test_what_cannot_be_taken_is_named_by_line_and_column(was: str, now: str, column: str) -> None:
    assert was in SEEDS
    found = mistakes(SEEDS.replace(was, now, 1))
    assert column in {each for _, each in found}


@pytest.mark.parametrize(
    ("was", "now", "column"),
    [
        ("said_on = 2024-01-30", 'said_on = "then"', "said_on"),
        ('code = "3g"', 'code = "2g"', "code"),
        ('vi = "4G"', 'colour = "4G"', "vi"),
    ],
)
def test_wrong_words_are_named(was: str, now: str, column: str) -> None:
    text = (DATA / "statement_words.toml").read_text(encoding="utf-8")
    with pytest.raises(BadFile) as raised:
        read_words("w.toml", text.replace(was, now, 1).encode())
    assert column in {mistake.column for mistake in raised.value.mistakes}
