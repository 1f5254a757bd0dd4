"""What the quick reading takes, the contract takes too, with the same meaning; it never takes more."""

import json
import re
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.common.strict_json import check_row
from libs.contracts.records import CHANNELS
from libs.contracts.visits_api import PartnerReportCorrection, VisitCorrection
from services.visits.api.kinds import PARTNER_REPORTS, VISITS, RecordKind
from services.visits.use_cases.rows import Row, VisitRow, of_contract, of_correction, read
from tests.support.visits import TEAM, a_line, a_report, a_visit

KINDS = {"visit": (VISITS, a_visit), "partner_report": (PARTNER_REPORTS, a_report)}


def _by_contract(kind: RecordKind, raw: bytes) -> tuple[Row, bytes, bytes] | None:
    """Read as the contract has it: the row, its encoding and that of the contract's class; None where it is refused."""
    clean = check_row(raw)
    if isinstance(clean, list):
        return None
    try:
        row = kind.row.model_validate_json(clean)
    except ValidationError:
        return None
    return *of_contract(kind.decoder.type, row), row.model_dump_json(exclude_unset=True).encode()


def _agree(kind: RecordKind, raw: bytes) -> bool:
    """Hold the quick reading to the contract's; say whether it took the row."""
    quick, contract = read(kind.decoder, raw), _by_contract(kind, raw)
    if contract is not None:
        row, content, written = contract
        assert content == written
        assert quick is None or quick == (row, content)
    assert contract is not None or quick is None
    return quick is not None


@pytest.mark.parametrize("name", KINDS)
def test_a_usual_row_is_read_quickly(name: str) -> None:
    kind, make = KINDS[name]
    for spaces in (None, (",", ":"), (" , ", " : ")):
        assert _agree(kind, json.dumps(make(), ensure_ascii=False, separators=spaces).encode())
        assert _agree(kind, json.dumps(dict(reversed(make().items())), separators=spaces).encode())
    assert _agree(kind, json.dumps(make(), indent=4).encode())


_MOMENTS = st.from_regex(
    r"(20[012][0-9]|1969|1970|2199|2200|0001|9999)-(0[1-9]|1[0-3])-([012][0-9]|3[01])[Tt _]"
    r"([01][0-9]|2[0-5]):[0-5][0-9](:[0-6][0-9])?([.,][0-9]{0,9})?(Z|z|[+-]([01][0-9]|2[0-4]):?[0-6][0-9])?",
    fullmatch=True,
)
_IDS = st.uuids().map(str) | st.integers(0, 8).map(
    lambda version: str(uuid.UUID(int=uuid.uuid4().int & ~(0xF << 76) | version << 76))
)
_TEXTS = st.text(st.characters(codec="utf-8"), max_size=5) | st.sampled_from(
    [
        "",
        "x" * 64,
        "x" * 65,
        "x" * 200,
        "x" * 201,
        "ữ" * 64,
        "😀" * 200,
        '"',
        '\\"keep":false',
        "a/b",
        "\u0000",
        "\u0001",
    ]
)
_NUMBERS = st.sampled_from([0, 1, 50, 51, 10_000, 10_001, -1, 1.0, 1e2, 10**30, True])
_JUNK: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | _NUMBERS | _TEXTS | st.just([]) | st.just({}) | _MOMENTS | _IDS
)
_PERSONS = st.dictionaries(
    st.sampled_from(["national_id", "phone", "ref", "keep", "other"]), _TEXTS | st.booleans() | st.none(), max_size=4
)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": _IDS | _IDS.map(lambda text: text.replace("-", "")) | _IDS.map(str.upper) | _IDS.map("urn:uuid:".__add__),
    "occurred_at": _MOMENTS,
    "consent": st.fixed_dictionaries({"text": _TEXTS, "at": _MOMENTS, "how": _TEXTS}),
    "channel": st.sampled_from([*CHANNELS, "pigeon"]),
    "household": st.dictionaries(st.sampled_from(["ref", "other"]), _TEXTS, max_size=2),
    "person": _PERSONS,
    "line": _NUMBERS,
    "quantity": _NUMBERS,
}
_PLACES = {
    "visit": ["id", "team", "unit", "occurred_at", "household", "recorded_by", "channel", "consent", "lines", "other"],
    "partner_report": [
        *("id", "unit", "occurred_at", "measure", "platform", "stage", "person", "receipt", "consent", "other"),
    ],
    "line": ["line", "measure", "platform", "stage", "quantity", "person", "receipt", "other"],
}


@st.composite
def _changed(draw: st.DrawFn, row: dict[str, Any], places: list[str]) -> dict[str, Any]:
    """A row with some of its members taken away, put in, replaced by good values or by junk."""
    made = dict(row)
    for name in draw(st.lists(st.sampled_from(places), max_size=3)):
        value = draw(_VALUES.get(name, _TEXTS) | st.none() | _JUNK)
        if draw(st.integers(0, 9)) == 0:
            made.pop(name, None)
        else:
            made[name] = value
    return dict(draw(st.permutations(list(made.items()))))


@st.composite
def _rows(draw: st.DrawFn, name: str) -> dict[str, Any]:
    row = KINDS[name][1]()
    if "lines" in row:
        lines = st.lists(_changed(a_line(person={"phone": "0912345678"}), _PLACES["line"]), max_size=3)
        row["lines"] = draw(lines | st.integers(49, 52).map(lambda n: [a_line(k % 50 + 1) for k in range(n)]))
    changed: dict[str, Any] = draw(_changed(row, _PLACES[name]))
    return changed


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), escaped=st.booleans(), spaces=st.sampled_from([None, (",", ":"), (" ,\t", "\n:\r")]))
def test_whatever_is_sent_the_quick_reading_agrees_with_the_contract(
    name: str, data: st.DataObject, escaped: bool, spaces: tuple[str, str] | None
) -> None:
    row = data.draw(_rows(name))
    text = json.dumps(row, ensure_ascii=escaped, separators=spaces)
    _agree(KINDS[name][0], text.encode())


@pytest.mark.parametrize("name", KINDS)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_bytes_that_were_spoilt_are_not_taken_more_lightly(name: str, data: st.DataObject) -> None:
    """A slice of the text doubled, dropped or replaced: duplicate keys, broken escapes, other numbers."""
    kind, make = KINDS[name]
    raw = json.dumps(make(), separators=(",", ":")).encode()
    begin, end = sorted(data.draw(st.tuples(st.integers(0, len(raw)), st.integers(0, len(raw)))))
    put = data.draw(
        st.sampled_from(
            [b"", raw[begin:end] * 2, b'"', b"\\", b"\\u0041", b"\\u0000", b"\x00", b"\xff", b"1e9", b"null"]
        )
    )
    spoilt = raw[:begin] + put + raw[end:]
    try:
        json.loads(spoilt)
    except ValueError:
        assert read(kind.decoder, spoilt) is None
        return
    _agree(kind, spoilt)


@pytest.mark.parametrize("name", KINDS)
def test_any_member_sent_twice_goes_to_the_contract(name: str) -> None:
    kind, make = KINDS[name]
    raw = json.dumps(make(), separators=(",", ":")).encode()
    members = list(re.finditer(rb'"[a-z_]+":(?:"[^"]*"|[0-9]+|true)', raw))
    assert len(members) > 5
    for member in members:
        twice = raw[: member.end()] + b"," + raw[member.start() :]
        assert not _agree(kind, twice), member[0]


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ("08:30:00+", "08:30:00.9999999+"),
        ("2025-05-10T08:25:00+07:00", "1969-12-31T23:59:59Z"),
        ("2025-05-10T08:25:00+07:00", "2200-01-01T00:00:00Z"),
        ('"phone":', '"keep":false,"phone":'),
        ("SD-01", "SD\\u002d01"),
    ],
)
def test_what_types_cannot_say_goes_to_the_contract(find: str, put: str) -> None:
    text = json.dumps(a_visit(), separators=(",", ":"))
    assert find in text
    assert not _agree(VISITS, text.replace(find, put).encode())


def test_a_correction_is_the_row_that_it_might_have_been() -> None:
    visit = a_visit()
    row, _ = read(VISITS.decoder, json.dumps({**visit, "team": str(TEAM)}).encode()) or (None, b"")
    for team in ({}, {"team": None}, {"team": str(TEAM)}):
        content = {name: value for name, value in visit.items() if name != "team"}
        body = json.dumps({**content, **team, "replaces": 1, "reason": "r", "sent_at": "2025-05-11T00:00:00Z"})
        assert of_correction(VisitCorrection.model_validate_json(body), TEAM) == row
    report = a_report()
    correction = PartnerReportCorrection.model_validate_json(json.dumps({**report, "replaces": 1}))
    assert (of_correction(correction, TEAM),) == (read(PARTNER_REPORTS.decoder, json.dumps(report).encode()) or ())[:1]


def test_a_row_holds_just_what_the_contract_has() -> None:
    for kind in (VISITS, PARTNER_REPORTS):
        fields = [field.name for field in msgspec.structs.fields(kind.decoder.type)]
        assert fields == list(kind.row.model_fields)
    assert VISITS.decoder.type is VisitRow
