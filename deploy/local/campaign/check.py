"""Compares the system's answers, number by number, with what plain sets say."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from deploy.local.campaign.oracle import KINDS_OF_REFERENCE, Expected, Numbers
from deploy.local.campaign.sends import Json

__all__ = ["QUESTIONS", "differences", "rows_by_commune", "rows_by_kind", "rows_by_measure"]

MAY: Json = {"measures": ["FLD-07", "FLD-08", "FLD-10", "FLD-09"], "from": "2025-05-01", "to": "2025-05-31"}

QUESTIONS: Mapping[str, Json] = {
    "by_kind": MAY
    | {
        "group_by": ["measure", "reporter_kind"],
        "answers": ["luot", "nguoi", "ho", "unknown", "known_by", "matched"],
    },
    "union": MAY | {"group_by": ["measure"], "answers": ["luot", "nguoi", "ho", "known_by", "matched"]},
    "by_commune": MAY
    | {
        "group_by": ["measure", "unit:commune"],
        "filters": {"reporter_kind": "team"},
        "answers": ["luot", "nguoi", "ho", "unknown"],
    },
}
"""What a portal asks; every one is asked `at_least` as new as the last receipt."""

SHOWN = {"luot": "lượt", "nguoi": "người", "ho": "hộ", "unknown": "không rõ"}
KIND_NAMES = {"team": "tổ", "partner": "đối tác"}

Rows = dict[tuple[str, ...], Json]
Wanted = dict[tuple[str, ...], Numbers]


def rows_by_kind(answers: Mapping[str, Json]) -> Rows:
    """Find rows by measure and kind of reporter."""
    return {(row["group"]["measure"], row["group"]["reporter_kind"]): row for row in answers["by_kind"]["rows"]}


def rows_by_measure(answers: Mapping[str, Json]) -> Rows:
    """Find the rows over both kinds of reporter by measure."""
    return {(row["group"]["measure"],): row for row in answers["union"]["rows"]}


def rows_by_commune(answers: Mapping[str, Json]) -> Rows:
    """Find the teams' rows by measure and code of the commune."""
    return {
        (row["group"]["measure"], (row.get("unit") or {}).get("code") or "?"): row
        for row in answers["by_commune"]["rows"]
    }


def differences(answers: Mapping[str, Json], expected: Expected) -> list[str]:
    """Name every number that is not what it must be, one a line."""
    by_kind: Wanted = {(measure, kind): numbers for (measure, kind), numbers in expected.by_kind.items()}
    by_measure = _wanted_by_measure(rows_by_measure(answers), expected)
    by_commune: Wanted = {(measure, code): numbers for (measure, code), numbers in expected.by_commune.items()}
    found = [
        *_compare_rows(rows_by_kind(answers), by_kind, with_kinds=True),
        *_compare_rows(rows_by_measure(answers), by_measure, with_kinds=True),
        *_compare_rows(rows_by_commune(answers), by_commune, with_kinds=False),
        *_compare_matched(rows_by_measure(answers), expected),
    ]
    total = answers["by_commune"]["total"]
    for name in ("nguoi", "ho"):
        found += _compare(f"mọi chỉ số {SHOWN[name]} tổ", total.get(name), getattr(expected.all_measures, name))
    return found


def _wanted_by_measure(rows: Rows, expected: Expected) -> Wanted:
    """Want no lượt across kinds of reporter; where only teams reported, theirs is right as well."""
    wanted: Wanted = {}
    for measure, numbers in expected.union.items():
        luot = rows.get((measure,), {}).get("luot")
        alone = (measure, "partner") not in expected.by_kind and luot == expected.by_kind[measure, "team"].luot
        wanted[measure,] = replace(numbers, luot=luot) if alone else numbers
    return wanted


def _compare_rows(rows: Rows, expected: Wanted, *, with_kinds: bool) -> Iterator[str]:
    for key, numbers in expected.items():
        if key not in rows:
            yield f"{_label(key, '')}: hệ thống không có hàng này / no such row"
            continue
        row = rows[key]
        for name, shown in SHOWN.items():
            yield from _compare(_label(key, shown), row.get(name), getattr(numbers, name))
        for kind in KINDS_OF_REFERENCE if with_kinds else ():
            known = (row.get("known_by") or {}).get(kind)
            yield from _compare(_label(key, f"người theo {kind}"), known, numbers.known_by[kind])
    for key in rows.keys() - expected.keys():
        for name, shown in SHOWN.items():
            yield from _compare(_label(key, shown), rows[key].get(name) or None, None)


def _compare_matched(rows: Rows, expected: Expected) -> Iterator[str]:
    """Where no partner reported, a match may be absent as well as zero."""
    for measure, (of_teams, of_partners) in expected.matched.items():
        matched = rows.get((measure,), {}).get("matched") or {}
        silent = (measure, "partner") not in expected.by_kind
        for name, right in (("team_people", of_teams), ("partner_people", of_partners)):
            value = matched.get(name)
            if not (silent and value is None):
                yield from _compare(f"{measure} cả hai biết ({name})", value, right)


def _compare(label: str, system: int | None, right: int | None) -> Iterator[str]:
    if system != right:
        yield f"{label}: hệ thống {_number(system)}, đối chiếu {_number(right)}"


def _label(key: tuple[str, ...], shown: str) -> str:
    measure, *rest = key
    return " ".join(part for part in (measure, shown, *(KIND_NAMES.get(one, one) for one in rest)) if part)


def _number(value: int | None) -> str:
    return "không có số" if value is None else str(value)
