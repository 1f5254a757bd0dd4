"""Queries over HTTP on a real PostgreSQL, compared with plain sets made from the same records."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from libs.common.db import transaction
from libs.common.inbox import Move, move, resume
from libs.common.log import Position
from libs.contracts.records import LineV1, RecordV1
from libs.contracts.topics import RECORDS
from tests.support.metrics import (
    BANK,
    CITY,
    ELSEWHERE,
    OTHER_WARD,
    TEAMS,
    WARD,
    Metrics,
    a_line,
    a_record,
    open_metrics,
    person,
    progress,
)
from tests.support.postgres import MakeDatabase

ALL = ["luot", "nguoi", "ho", "unknown", "known_by", "matched"]
KINDS = ("national_id", "phone", "ref", "receipt")
Pair = tuple[RecordV1, LineV1]


@pytest_asyncio.fixture
async def metrics(make_database: MakeDatabase) -> AsyncIterator[Metrics]:
    async with open_metrics(await make_database("metrics")) as opened:
        yield opened


def campaign() -> list[RecordV1]:
    """Make a campaign of three teams and a bank in several units, with people known in several ways."""
    chance = random.Random(7)  # noqa: S311 - the same in every run
    people = [
        person(national_id=str(n), phone=str(n)) if n % 3 else person(**{KINDS[n % 4]: str(n)}) for n in range(60)
    ]
    phones = [person(phone=str(n)) for n in range(60)]
    records = []
    for number in range(1, 200):
        who = BANK if number % 5 == 0 else TEAMS[number % 3]
        lines = [
            a_line(
                line,
                measure=chance.choice(["FLD-07", "FLD-08", "FLD-09"]),
                platform=chance.choice(["e-dongthap", "vnpay", None]),
                quantity=chance.randint(1, 3),
                person=None if chance.random() < 0.3 else chance.choice(phones if who == BANK else people),
            )
            for line in range(1, chance.randint(1, 3) + 1)
        ]
        where = chance.choice([WARD, OTHER_WARD, CITY, ELSEWHERE])
        day = f"2025-0{chance.randint(4, 6)}-{chance.randint(10, 28)}"
        records.append(
            a_record(
                number, *lines, reporter=who, unit_id=where, day=day, household=chance.choice([None, "1", "2", "3"])
            )
        )
    return records


def refs_of(line: LineV1) -> list[tuple[str, str]]:
    if line.person is None:
        return []
    return [(kind, ref) for kind in KINDS if (ref := getattr(line.person, kind)) is not None]


def matched(pairs: Iterable[Pair]) -> dict[str, int]:
    refs: dict[str, set[tuple[str, str]]] = {"team": set(), "partner": set()}
    of_person: dict[str, dict[tuple[str, str], set[tuple[str, str]]]] = {"team": {}, "partner": {}}
    for record, line in pairs:
        found = refs_of(line)
        if found:
            refs[record.reporter.kind].update(found)
            of_person[record.reporter.kind].setdefault(found[0], set()).update(found)
    return {
        f"{kind}_people": sum(bool(theirs & refs[other]) for theirs in of_person[kind].values())
        for kind, other in (("team", "partner"), ("partner", "team"))
    }


def expected(pairs: list[Pair]) -> dict[str, Any]:
    """Count as a careful person would, with plain sets."""
    people = {refs_of(line)[0] for _, line in pairs if refs_of(line)}
    kinds = {record.reporter.kind for record, _ in pairs}
    units = {"encounter" if line.measure == "FLD-09" else "install" for _, line in pairs}
    additive = len(kinds) == 1 and len(units) == 1
    return {
        "luot": sum(line.quantity for _, line in pairs) if additive else None,
        "unknown": sum(line.quantity for _, line in pairs if not refs_of(line)) if additive else None,
        "nguoi": len(people),
        "ho": len({record.household for record, _ in pairs if record.household}),
        "known_by": {kind: sum(k == kind for k, _ in people) for kind in KINDS},
        "matched": matched(pairs) if len(kinds) == 2 else None,
    }


def period(span: str) -> Callable[[Pair], str]:
    def name(pair: Pair) -> str:
        year, week, _ = pair[0].day.isocalendar()
        return f"{year}-W{week:02}" if span == "week" else str(pair[0].day)[: {"month": 7, "year": 4, "day": 10}[span]]

    return name


GROUPINGS: dict[str, Callable[[Pair], str | None]] = {
    "measure": lambda pair: pair[1].measure,
    "platform": lambda pair: pair[1].platform,
    "reporter_kind": lambda pair: pair[0].reporter.kind,
    "reporter": lambda pair: str(pair[0].reporter.id),
    "unit:commune": lambda pair: str(pair[0].unit_id),
    "unit:district": lambda pair: str(CITY if pair[0].unit_id in (WARD, OTHER_WARD) else pair[0].unit_id),
    **{f"time:{span}": period(span) for span in ("day", "week", "month", "year")},
}


@pytest.mark.parametrize(
    ("query", "keeps"),
    [
        ({}, lambda record, line: True),
        ({"group_by": ["measure", "reporter_kind"]}, lambda record, line: True),
        ({"group_by": ["unit:commune"]}, lambda record, line: True),
        ({"group_by": ["unit:district", "time:week"]}, lambda record, line: True),
        ({"group_by": ["platform", "time:month", "measure"]}, lambda record, line: True),
        ({"group_by": ["reporter", "time:year"]}, lambda record, line: True),
        ({"group_by": ["time:day"]}, lambda record, line: True),
        ({"group_by": ["measure"], "measures": ["FLD-08"]}, lambda record, line: line.measure == "FLD-08"),
        (
            {"group_by": ["measure"], "filters": {"unit": [str(CITY)], "reporter_kind": "team"}},
            lambda record, line: record.unit_id != ELSEWHERE and record.reporter.kind == "team",
        ),
        (
            {"filters": {"platform": ["vnpay"], "reporter": [str(BANK), str(TEAMS[1])]}},
            lambda record, line: line.platform == "vnpay" and record.reporter.id in (BANK, TEAMS[1]),
        ),
        (
            {"from": "2025-05-12", "to": "2025-05-20"},
            lambda record, line: "2025-05-12" <= str(record.day) <= "2025-05-20",
        ),
        ({"client": "city", "group_by": ["measure"]}, lambda record, line: record.unit_id != ELSEWHERE),
        ({"client": "new ward"}, lambda record, line: record.unit_id == WARD),
        ({"filters": {"unit": ["29905"]}}, lambda record, line: record.unit_id == WARD),
    ],
)
async def test_numbers_equal_those_of_plain_sets(
    metrics: Metrics, query: dict[str, Any], keeps: Callable[[RecordV1, LineV1], bool]
) -> None:
    records = campaign()
    await metrics.fold(*records)
    asked = {"measures": ["FLD-07", "FLD-08", "FLD-09"], "from": "2025-04-01", "to": "2025-06-30", "answers": ALL}
    answer = await metrics.numbers(**{**asked, **query})
    pairs = [(record, line) for record in records for line in record.lines if keeps(record, line)]
    groups: dict[tuple[str | None, ...], list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[tuple(GROUPINGS[name](pair) for name in query.get("group_by", []))].append(pair)
    rows = {tuple(row["group"][name] for name in query.get("group_by", [])): row for row in answer["rows"]}
    assert {name: answer["total"][name] for name in ALL} == expected(pairs)
    if query.get("group_by"):
        assert len(rows) == len(answer["rows"]) == len(groups)
        assert {key: {name: row[name] for name in ALL} for key, row in rows.items()} == {
            key: expected(of_group) for key, of_group in groups.items()
        }


async def test_no_report_is_absent_and_not_zero(metrics: Metrics) -> None:
    await metrics.fold(a_record(1, a_line()), a_record(2, a_line(measure="FLD-08")))
    await metrics.fold(a_record(1, revision=2))
    answer = await metrics.numbers(group_by=["measure"], measures=["FLD-07", "FLD-08"])
    assert [row["group"] for row in answer["rows"]] == [{"measure": "FLD-08"}]
    nothing = await metrics.numbers(group_by=["measure"])
    assert nothing["rows"] == []
    assert nothing["total"]["luot"] is None
    assert nothing["total"]["reasons"] == dict.fromkeys(("luot", "nguoi", "ho", "unknown"), "no_reports")


async def test_only_what_was_asked_for_is_answered(metrics: Metrics) -> None:
    await metrics.fold(a_record(1, a_line(person=person(phone="1"))))
    total = (await metrics.numbers(answers=["luot"]))["total"]
    assert (total["luot"], total["nguoi"], total["reasons"]) == (1, None, {})
    matched_total = (await metrics.numbers(answers=["matched"]))["total"]
    assert matched_total["reasons"] == {"matched": "one_kind_only"}


async def test_the_contract_says_what_the_numbers_mean(metrics: Metrics) -> None:
    await metrics.fold(
        a_record(1, a_line()),
        a_record(2, a_line(), reporter=TEAMS[1], unit_id=OTHER_WARD),
        progress(1, TEAMS[0], device="a", synced_through="2025-05-11T10:00:00+07:00"),
        progress(2, TEAMS[0], device="b", synced_through="2025-05-12T10:00:00+07:00"),
    )
    both = (await metrics.numbers())["contract"]
    assert both["complete_through"] is None
    one = await metrics.numbers(filters={"unit": ["29905"]})
    contract = one["contract"]
    assert contract["complete_through"] == "2025-05-11T03:00:00Z"
    assert contract["data_revision"].endswith(".1")
    assert contract["map_revision"] == "1.5.5"
    assert contract["as_of"] is not None
    assert (contract["exact"], contract["smallest_shown"], contract["boundaries"]) == (True, 5, "as_recorded")
    names = {"vi": "vi FLD-07", "en": "en FLD-07"}
    assert contract["measures"] == [{"code": "FLD-07", "version": 1, "names": names, "unit_of_count": "install"}]
    assert one["query"]["from"] == "2025-05-01"
    await metrics.fold(progress(3, TEAMS[0], held_since="2025-05-10T08:00:00+07:00"))
    held = (await metrics.numbers(filters={"unit": ["29905"]}))["contract"]
    assert held["complete_through"] == "2025-05-10T01:00:00Z"


async def test_rows_name_their_unit_and_reporter_and_say_what_is_unallocated(metrics: Metrics) -> None:
    await metrics.fold(a_record(1, a_line(), unit_id=CITY), a_record(2, a_line()))
    rows = (await metrics.numbers(group_by=["unit:commune", "reporter"]))["rows"]
    assert [(row["unit"]["code"], row["unallocated"]) for row in rows] == [("29905", False), ("867", True)]
    assert rows[0]["unit"] == {"id": str(WARD), "code": "29905", "name": "Phường 1", "level": "commune"}
    assert rows[0]["group"]["reporter_name"] == "Tổ 1"


async def test_small_numbers_are_withheld_from_whom_may_not_see_them(metrics: Metrics) -> None:
    ward = [a_record(n, a_line(person=person(phone=str(n)))) for n in range(1, 4)]
    other = [a_record(n, a_line(person=person(phone=str(n))), unit_id=OTHER_WARD) for n in range(11, 20)]
    await metrics.fold(*ward, *other)
    asked = {"group_by": ["unit:commune"], "answers": ALL}
    exact = await metrics.numbers(**asked)
    assert [row["nguoi"] for row in exact["rows"]] == [3, 9]
    portal = await metrics.numbers(client="portal", **asked)
    assert [row["nguoi"] for row in portal["rows"]] == [None, None]
    assert portal["rows"][0]["suppressed"] == ["luot", "nguoi", "unknown", "known_by"]
    assert (portal["total"]["nguoi"], portal["contract"]["exact"]) == (12, False)
    only_luot = await metrics.numbers(client="portal", group_by=["unit:commune"], answers=["luot"])
    assert [row["luot"] for row in only_luot["rows"]] == [None, None]


async def test_more_than_a_thousand_rows_are_refused(metrics: Metrics) -> None:
    days = [f"20{year}-{month:02}-{day:02}" for year in (21, 22, 23) for month in range(1, 13) for day in range(1, 29)]
    await metrics.fold(*(a_record(n, a_line(), day=day) for n, day in enumerate(days[:1000], 1)))
    assert len((await metrics.numbers(from_="2021-01-01", group_by=["time:day"]))["rows"]) == 1000
    await metrics.fold(a_record(5000, a_line(), day=days[1000]))
    answer = await metrics.ask(from_="2021-01-01", group_by=["time:day"])
    assert (answer.status, answer.json["code"]) == (422, "result_too_large")


@pytest.mark.parametrize(
    ("query", "code", "pointer"),
    [
        ({"boundaries": "now"}, "unknown_boundaries", "/boundaries"),
        ({"boundaries": "2025-02-30"}, "unknown_boundaries", "/boundaries"),
        ({"measures": ["FLD-99"]}, "unknown_measure", "/measures/0"),
        ({"measures": []}, "malformed", "/measures"),
        ({"group_by": ["unit:village"]}, "malformed", "/group_by/0"),
        ({"from": "yesterday"}, "malformed", "/from"),
        ({"nope": 1}, "malformed", "/nope"),
        ({"at_least": "visits:1.2"}, "bad_position", "/at_least"),
        ({"at_least": "registry:1.2.3"}, "bad_position", "/at_least"),
    ],
)
async def test_a_bad_query_is_refused_at_its_place(
    metrics: Metrics, query: dict[str, Any], code: str, pointer: str
) -> None:
    answer = await metrics.ask(**query)
    assert (answer.status, answer.json["code"]) == (422, code)
    assert answer.json["errors"][0]["pointer"] == pointer


async def test_a_unit_outside_and_a_missing_scope_are_refused(metrics: Metrics) -> None:
    outside = await metrics.ask(client="city", filters={"unit": [str(ELSEWHERE)]})
    assert (outside.status, outside.json["code"]) == (403, "outside_subtree")
    merged = await metrics.ask(client="new ward", filters={"unit": [str(WARD)]})
    assert merged.status == 200
    scope = await metrics.ask(client="app")
    assert (scope.status, scope.json["code"]) == (403, "scope_missing")


async def test_the_twin_in_the_address_gives_the_same_answer(metrics: Metrics) -> None:
    await metrics.fold(*campaign())
    posted = await metrics.ask(
        measures=["FLD-07", "FLD-08"],
        group_by=["unit:commune", "measure"],
        answers=["luot", "nguoi"],
        filters={"unit": ["867"], "reporter_kind": "team", "reporter": [str(TEAMS[0])], "platform": ["vnpay"]},
    )
    got = await metrics.get(
        "measures=FLD-07,FLD-08&from=2025-05-01&to=2025-05-31&group_by=unit:commune,measure&answers=luot,nguoi"
        f"&unit=867&reporter_kind=team&reporter={TEAMS[0]}&platform=vnpay"
    )
    assert got.status == 200
    assert (got.json, got.headers["etag"]) == (posted.json, posted.headers["etag"])


@pytest.mark.parametrize(
    ("more", "name"),
    [("&nope=1", "nope"), ("&to=2025-06-01", "to"), ("&group_by=x", "group_by"), ("&reporter=x", "reporter")],
)
async def test_a_bad_parameter_is_named(metrics: Metrics, more: str, name: str) -> None:
    answer = await metrics.get(f"measures=FLD-07&from=2025-05-01&to=2025-05-31{more}")
    assert (answer.status, answer.json["code"]) == (422, "bad_parameter")
    assert name in answer.json["en"]


async def test_an_answer_is_revalidated_by_its_tag_until_something_changes(metrics: Metrics) -> None:
    await metrics.fold(a_record(1, a_line()))
    first = await metrics.ask()
    tag = {"if-none-match": first.headers["etag"]}
    assert first.headers["cache-control"] == "private, no-cache"
    again = await metrics.ask(headers=tag)
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    by_address = await metrics.get("measures=FLD-07&from=2025-05-01&to=2025-05-31", headers=tag)
    assert by_address.status == 304
    assert (await metrics.ask(headers=tag, client="portal")).status == 200
    assert (await metrics.ask(headers=tag, client="city")).status == 200
    assert (await metrics.ask(headers=tag, group_by=["measure"])).status == 200
    metrics.picture.moved((1, 6, 6), map_changed=True)
    assert (await metrics.ask(headers=tag)).status == 200
    newer = await metrics.ask()
    await metrics.fold(a_record(2, a_line()))
    assert (await metrics.ask(headers={"if-none-match": newer.headers["etag"]})).status == 200


@asynccontextmanager
async def polling(metrics: Metrics) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(metrics.counted.run(stop))
        try:
            yield
        finally:
            stop.set()


async def reach(metrics: Metrics, partition: int, offset: int, position: Position) -> None:
    async with transaction(metrics.engine) as connection:
        places = {(RECORDS.name, n): 100 for n in range(2)}
        await resume(connection, "here", places)
        await move(connection, {(RECORDS.name, partition): Move(offset, offset + 1, position)})


async def test_a_query_waits_until_every_partition_has_been_counted(metrics: Metrics) -> None:
    position = Position(1, 20, 3)
    await reach(metrics, 0, 0, position)
    async with polling(metrics):
        late = await metrics.ask(at_least=f"visits:{position}")
        assert (late.status, late.json["code"], late.headers["retry-after"]) == (503, "not_counted_yet", "1")
        waiting = [asyncio.ensure_future(metrics.ask(at_least=f"visits:{position}")) for _ in range(5)]
        await asyncio.sleep(0.02)
        assert not any(task.done() for task in waiting)
        await reach(metrics, 1, 0, Position(1, 21, 1))
        assert [answer.status for answer in await asyncio.gather(*waiting)] == [200] * 5
    assert (await metrics.ask(at_least=f"visits:{position}")).status == 200


async def test_numbers_and_revision_are_of_one_moment(metrics: Metrics) -> None:
    """While records come and go in pairs, every answer is of a whole pair and of the revision it names."""

    async def change() -> None:
        for turn in range(2, 40):
            lines = [a_line(person=person(phone="1"))] if turn % 2 else []
            await metrics.fold(
                a_record(1, *lines, revision=turn), a_record(2, *lines, revision=turn, unit_id=OTHER_WARD)
            )

    await metrics.fold(a_record(1), a_record(2))
    changing = asyncio.ensure_future(change())
    seen: dict[str, int | None] = {}
    while not changing.done():
        answer = await metrics.numbers(group_by=["unit:commune"])
        luot = answer["total"]["luot"]
        assert luot in (None, 2)
        assert seen.setdefault(answer["contract"]["data_revision"], luot) == luot
    await changing
    assert len(seen) > 1


async def test_an_alias_in_a_query_is_taken_as_the_code(metrics: Metrics) -> None:
    await metrics.fold(a_record(1, a_line()), a_record(2, a_line(platform="vnpay")))
    asked = await metrics.numbers(filters={"platform": ["e-ĐongThap"]})
    assert (asked["total"]["luot"], asked["query"]["filters"]["platform"]) == (1, ["e-dongthap"])
    by_address = await metrics.get("measures=FLD-07&from=2025-05-01&to=2025-05-31&platform=E-%C4%90ongThap")
    assert by_address.json["total"]["luot"] == 1
