"""A batch is split without being parsed twice, and what is hostile in it is named where it stands."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.problem import Fault, Problem
from libs.common.strict_json import (
    MAX_DEPTH,
    Split,
    _split_carefully,
    _split_quickly,
    check,
    check_row,
    pointer,
    says_the_same,
    split,
)

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), inner, max_size=4
        )
    ),
    max_leaves=12,
)
_ENVELOPES = st.dictionaries(st.sampled_from(["device", "sent_at", 'a"b":']), _VALUES, max_size=3)


def _read(body: bytes) -> Split:
    """Split a body and check every row of it."""
    parts = split(body)
    return Split(parts.envelope, [row if isinstance(row, list) else check_row(row) for row in parts.rows])


@given(_ENVELOPES, st.lists(_VALUES, max_size=5), st.booleans())
def test_the_quick_and_the_careful_reading_agree_on_every_clean_body(
    envelope: dict[str, object], rows: list[object], escaped: bool
) -> None:
    body = json.dumps({**envelope, "rows": rows}, ensure_ascii=escaped).encode()
    quick, careful = _read(body), _split_carefully(body)
    assert json.loads(quick.envelope) == json.loads(careful.envelope) == envelope
    assert [json.loads(row) for row in quick.rows if isinstance(row, bytes)] == rows
    assert [json.loads(row) for row in careful.rows if isinstance(row, bytes)] == rows


@pytest.mark.parametrize(
    ("row", "code", "at"),
    [
        ('{"a": 1, "a": 1}', "duplicate_key", "/a"),
        ('{"a": {"b": 1, "b" : 2}}', "duplicate_key", "/a/b"),
        ('{"a": 1, "\\u0061": 2}', "duplicate_key", "/a"),
        ('{"x": "\\":", "a": 1, "a": 1}', "duplicate_key", "/a"),
        ('{"a": NaN}', "not_a_number", "/a"),
        ('{"a": [-Infinity]}', "not_a_number", "/a/0"),
        ('{"a": 1e400}', "number_out_of_range", "/a"),
        ('{"a": ' + "9" * 5000 + "}", "number_out_of_range", "/a"),
        ('{"a~b/c": "\\u0000"}', "nul_character", "/a~0b~1c"),
        ('{"\\u0000": 1}', "nul_character", ""),
        ('{"a": "\\ud800"}', "lone_surrogate", "/a"),
    ],
)
def test_a_hostile_row_is_named_and_the_others_are_kept(row: str, code: str, at: str) -> None:
    parts = _read(f'{{"rows": [{{"ok": 1}}, {row}, {{"ok": "é"}}]}}'.encode())
    assert json.loads(parts.rows[0]) == {"ok": 1}  # type: ignore[arg-type]
    assert json.loads(parts.rows[2]) == {"ok": "é"}  # type: ignore[arg-type]
    faults = parts.rows[1]
    assert not isinstance(faults, bytes)
    assert [(fault.code, fault.pointer) for fault in faults] == [(code, at)]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"rows": [}', b"[" * 100_000])
def test_what_cannot_be_split_is_refused_whole(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        split(body)
    assert caught.value.code == "not_json"


@pytest.mark.parametrize(
    "body",
    [
        '{"device": 1, "device": 2, "rows": []}',
        '{"rows": [1], "rows": [2]}',
        '{"rows": [1], "r\\u006fws": [2]}',
        '{"a\\u0022": 1, "b\\u0022": 1, "c": 1, "c": 2, "rows": []}',
        '{"device": {"a": 1, "a": 2}, "rows": []}',
        '{"device": "\\ud800", "rows": []}',
        '{"device": NaN, "rows": []}',
        '{"rows": {}}',
        "{}",
    ],
)
def test_an_envelope_that_is_not_clean_is_never_split_quickly(body: str) -> None:
    assert _split_quickly(body.encode()) is None
    with pytest.raises(Problem) as caught:
        split(body.encode())
    assert caught.value.code in ("malformed", "not_json")


@given(st.dictionaries(st.text(max_size=3), _VALUES, max_size=4), st.integers(0), st.booleans())
def test_a_member_that_was_dropped_is_never_vouched_for(row: dict[str, object], chosen: int, escaped: bool) -> None:
    """As a parser drops it: the first of two members of one name."""
    again = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()
    members = [f"{json.dumps(k, ensure_ascii=escaped)} : {json.dumps(v, ensure_ascii=escaped)}" for k, v in row.items()]
    assert says_the_same(f"{{{', '.join(members)}}}".encode(), again) or b"\\u" in ", ".join(members).encode()
    if members:
        twice = members[chosen % len(members)]
        assert not says_the_same(f"{{{', '.join([twice, *members])}}}".encode(), again)


def test_a_single_document_is_checked_the_same_way() -> None:
    assert json.loads(check(b'{"a": [1]}')) == {"a": [1]}
    with pytest.raises(Problem) as caught:
        check(b'{"a": [1, NaN]}')
    assert [(f.code, f.pointer) for f in caught.value.faults] == [("not_a_number", "/a/1")]


def _nested(levels: int) -> str:
    """A row of so many levels, its own braces being the first."""
    return '{"a": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


@pytest.mark.parametrize("spelt", ["é", "\\u00e9"], ids=["quickly", "carefully"])
@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 300, 950, 1100, 50_000])
def test_a_row_nested_too_deeply_is_named_and_the_others_are_kept(levels: int, spelt: str) -> None:
    # Escaped, a letter sends the whole body to the careful reading.
    rows = [f'{{"ok": "{spelt}"}}', _nested(levels), _nested(MAX_DEPTH), '{"a": "[[[\\"{{{"}']
    parts = _read(f'{{"device": "d", "rows": [{", ".join(rows)}]}}'.encode())
    assert parts.rows[1] == [Fault("too_deep", "/a" + "/0" * (MAX_DEPTH - 1), {"limit": MAX_DEPTH})]
    kept = [json.loads(row) for row in (parts.rows[0], *parts.rows[2:]) if isinstance(row, bytes)]
    assert kept == [json.loads(row) for row in (rows[0], *rows[2:])]
    assert json.loads(parts.envelope) == {"device": "d"}


def test_brackets_within_texts_and_beside_each_other_are_not_depth() -> None:
    row = {"text": "[" * 500 + '\\"' + "{" * 500, "beside": [[n] for n in range(500)]}
    body = json.dumps({"rows": [row]}).encode()
    assert [json.loads(r) for r in _read(body).rows if isinstance(r, bytes)] == [row]


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 950, 50_000])
def test_an_envelope_nested_too_deeply_is_refused_whole(levels: int) -> None:
    with pytest.raises(Problem) as caught:
        split(f'{{"device": {"[" * (levels - 1)}{"]" * (levels - 1)}, "rows": []}}'.encode())
    assert caught.value.code == "malformed"
    assert [fault.code for fault in caught.value.faults] == ["too_deep"]
    with pytest.raises(Problem) as caught:
        check(_nested(levels).encode())
    assert [fault.code for fault in caught.value.faults] == ["too_deep"]


@pytest.mark.parametrize(
    "body",
    [
        '{"rows": [' + "[" * 5000 + "]" * 4000,
        '{"rows": [' + "[" * 5000 + "}" * 5000 + "]}",
        '{"rows": [' + "[" * 5000 + '"' + '\\"' * 50_000,
    ],
    ids=["never closed", "closed otherwise", "a text never closed"],
)
def test_what_is_deep_and_broken_is_refused_whole(body: str) -> None:
    with pytest.raises(Problem) as caught:
        split(body.encode())
    assert caught.value.code == "not_json"


def test_twenty_faults_of_a_row_are_told_and_then_only_that_there_are_more() -> None:
    rows = [f'{{"a": [{", ".join(["NaN"] * count)}]}}' for count in (20, 21, 5000)]
    parts = _read(f'{{"rows": [{", ".join(rows)}]}}'.encode())
    named = [Fault("not_a_number", f"/a/{n}", {"key": ""}) for n in range(20)]
    assert parts.rows == [named, [*named, Fault("more_faults")], [*named, Fault("more_faults")]]


def test_twenty_faults_of_a_document_are_told_and_then_only_that_there_are_more() -> None:
    many = ", ".join(["NaN"] * 21)
    for refuse, body in ((check, f"[{many}]"), (split, f'{{"device": [{many}], "rows": []}}')):
        with pytest.raises(Problem) as caught:
            refuse(body.encode())
        assert [fault.code for fault in caught.value.faults] == ["not_a_number"] * 20 + ["more_faults"]


def test_a_long_key_is_not_copied_for_everything_under_it() -> None:
    """A pointer made for each value would be a terabyte here."""
    body = json.dumps({"k" * 1_000_000: [1] * 1_000_000}).encode()
    assert len(check(body)) == 3_000_006


def test_a_pointer_escapes_as_rfc_6901_says() -> None:
    assert pointer("a/b", 0, "m~n") == "/a~1b/0/m~0n"
