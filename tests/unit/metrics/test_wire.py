"""The fast reader against the contract: what it takes, the contract's class takes with the same values."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.contracts.records import CHANNELS, RecordV1
from libs.contracts.topics import type_of
from services.metrics.consumer.records import read_by_contract
from services.metrics.consumer.wire import read_record

EXAMPLES = Path(__file__).parents[3] / "libs/contracts/examples" / f"{type_of(RecordV1)}.json"
RECORD_ID = "0196b6d0-5a40-7c31-9a52-6f1d2c3b4a59"
PSEUDONYM = "97c07c026939962d235bb2392e703abe"

odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.0, 2.5, 2**31, 10**9 + 1, 2**70, "", "1", "\u0000", "\ud800", [], {}, [None], {"level": 1}]
)
uuids = st.uuids().map(str) | st.sampled_from(
    [
        RECORD_ID.upper(),
        RECORD_ID.replace("-", ""),
        f"{{{RECORD_ID}}}",
        f"urn:uuid:{RECORD_ID}",
        RECORD_ID[:-1],
        "-" * 36,
    ]
)
texts = st.sampled_from(["FLD-07", "Tổ 1", 'a"b', "a\\b", "a\nb", "a\u0000b", "ế" * 200, "ế" * 201, " "]) | st.text()
pseudonyms = st.sampled_from([PSEUDONYM, PSEUDONYM.upper(), PSEUDONYM[:-2], PSEUDONYM[:-1] + " ", "0" * 31 + "\n"])
days = st.dates().map(str) | st.sampled_from(
    ["2025-05-10T00:00:00", "2025-5-1", "1746835200", "0000-01-01", "20250510"]
)
moments = st.datetimes().map(lambda at: f"{at.isoformat()}+07:00") | st.builds(
    "{}-{}T{}{}{}".format,
    st.sampled_from(["1969-12", "1970-01", "2025-02", "2199-12", "2200-01", "0001-01"]),
    st.sampled_from(["01", "28", "29", "31"]),
    st.sampled_from(["08:30:00", "24:00:00", "23:59:60", "08:30", "08:30:00.1234567", "08:30:00."]),
    st.sampled_from(["", " "]),
    st.sampled_from(["Z", "z", "", "+07:00", "-00:00", "+23:59", "+24:00", "+0700", "+07"]),
)


def maybe(value: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | value


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "record_id": uuids,
    "revision": st.integers(-1, 2**31),
    "edition": st.integers(-1, 2**31),
    "kind": st.sampled_from(["visit", "partner_report", "other"]),
    "state": st.sampled_from(["recorded", "voided", "held"]),
    "unit_id": uuids,
    "day": days,
    "occurred_at": moments,
    "received_at": moments,
    "channel": maybe(st.sampled_from([*CHANNELS, "other"])),
    "recorded_by": maybe(texts),
    "household": maybe(pseudonyms),
    "flags": st.lists(texts, max_size=2),
    "wave": odd,
}
PARTS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "reporter": {"kind": st.sampled_from(["team", "partner", "other"]), "id": uuids, "wave": odd},
    "consent": {"text": texts, "at": moments, "how": texts, "wave": odd},
    "line": {
        "line": st.integers(0, 51),
        "measure": texts,
        "platform": maybe(texts),
        "stage": maybe(texts),
        "quantity": st.integers(0, 10**9 + 1),
        "wave": odd,
    },
    "person": {
        "level": st.integers(0, 2),
        **{kind: maybe(pseudonyms) for kind in ("national_id", "phone", "ref", "receipt")},
        "wave": odd,
    },
}


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Draw an example, mostly whole, with a few values changed, dropped or added, at times twice in one object."""
    told = draw(st.sampled_from(list(json.loads(EXAMPLES.read_text()).values())))
    lines = told["lines"] or [{"line": 1, "measure": "FLD-07", "quantity": 1}]
    told["lines"] = lines
    told.setdefault("consent", {"text": "v1", "at": "2025-05-10T08:25:00+07:00", "how": "oral"})
    places = [(told, VALUES), (told["reporter"], PARTS["reporter"]), (told["consent"], PARTS["consent"])]
    places += [(line, PARTS["line"]) for line in lines]
    places += [(line["person"], PARTS["person"]) for line in lines if "person" in line]
    for _ in range(draw(st.integers(0, 3))):
        part, values = draw(st.sampled_from(places))
        name = draw(st.sampled_from(sorted(values)))
        if draw(st.integers(0, 9)) == 0:
            part.pop(name, None)
        else:
            part[name] = draw(values[name] if draw(st.integers(0, 3)) else odd)
    body = json.dumps(told, ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 5)) == 0:
        body = body.replace(
            '"revision":', f'"revision": {draw(st.sampled_from(["9", "null", "1e0", "-0"]))}, "revision":'
        )
    return body.encode(errors="surrogatepass")


@settings(max_examples=500, deadline=None)
@given(bodies())
def test_what_is_read_fast_is_what_the_contract_reads(body: bytes) -> None:
    fast = read_record(body)
    assert fast is None or fast == read_by_contract(body)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_bytes_gone_bad_are_never_read_fast_unless_the_contract_reads_the_same(data: st.DataObject) -> None:
    whole = json.dumps(next(iter(json.loads(EXAMPLES.read_text()).values()))).encode()
    at = data.draw(st.integers(0, len(whole)))
    bad = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + data.draw(st.integers(0, 2)) :]
    fast = read_record(bad)
    assert fast is None or fast == read_by_contract(bad)


@pytest.mark.parametrize("name", json.loads(EXAMPLES.read_text()))
def test_the_contract_s_examples_are_read_fast(name: str) -> None:
    body = json.dumps(json.loads(EXAMPLES.read_text())[name]).encode()
    assert read_record(body) == read_by_contract(body)


def test_vietnamese_text_is_read_fast() -> None:
    told = next(iter(json.loads(EXAMPLES.read_text()).values())) | {"recorded_by": "Nguyễn Thị Lệ"}
    assert read_record(json.dumps(told, ensure_ascii=False).encode()) is not None
