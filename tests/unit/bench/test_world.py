"""The world of the bench is the same every time, is what visits would tell, and is skewed as the field is."""

from collections import Counter
from datetime import date, datetime
from itertools import chain, pairwise

import msgspec
import pytest

from libs.common.kafka import partition_of
from libs.contracts.records import ProgressV1, RecordV1
from libs.contracts.topics import RECORDS
from services.visits.events import draft_of, record_body
from tests.bench.world.draws import RECORD_TYPE, Told
from tests.bench.world.field import DAYS, PARTITIONS, Field
from tests.bench.world.land import the_land

FACTS = 40_000


@pytest.fixture(scope="module")
def year() -> list[list[Told]]:
    """Everything that reaches each partition."""
    return [list(chain.from_iterable(Field(FACTS).year(n))) for n in range(PARTITIONS)]


def records_in(year: list[list[Told]]) -> list[Told]:
    return [told for told in chain.from_iterable(year) if told.type == RECORD_TYPE]


@pytest.fixture(scope="module")
def firsts(year: list[list[Told]]) -> list[RecordV1]:
    """Each record once, at its first revision."""
    found = {told.record: told for told in records_in(year) if told.revision == 1}
    return [RecordV1.model_validate_json(told.body) for told in found.values()]


def test_a_world_is_the_same_every_time(year: list[list[Told]]) -> None:
    assert list(chain.from_iterable(Field(FACTS).year(2))) == year[2]


def test_a_record_is_written_as_the_visits_service_writes_it(year: list[list[Told]]) -> None:
    for told in records_in(year)[::50]:
        record = RecordV1.model_validate_json(told.body)
        again = record_body(
            draft_of(told.body, record.occurred_at),
            record.record_id,
            record.revision,
            state=record.state,
            unit_id=record.unit_id,
        )
        assert msgspec.json.decode(again) == msgspec.json.decode(told.body)
        assert (str(record.record_id), record.revision) == (told.record, told.revision)


def test_it_has_about_the_facts_asked_for_over_a_whole_year(firsts: list[RecordV1]) -> None:
    assert sum(len(record.lines) for record in firsts) == pytest.approx(FACTS, rel=0.03)
    days = {record.day for record in firsts}
    assert (min(days), max(days)) == (date(2025, 7, 1), date(2026, 6, 30))
    assert len({line.measure for record in firsts for line in record.lines}) == 10


def test_each_reporter_has_one_partition(year: list[list[Told]]) -> None:
    for partition, arrived in enumerate(year):
        assert {partition_of(told.reporter, RECORDS.partitions) for told in arrived} == {partition}


def test_few_teams_do_most_and_partners_a_tenth(firsts: list[RecordV1]) -> None:
    visits = Counter(record.reporter.id for record in firsts if record.kind == "visit")
    busiest = sum(sorted(visits.values(), reverse=True)[:300])
    assert 0.35 < busiest / visits.total() < 0.65
    assert 1 - visits.total() / len(firsts) == pytest.approx(0.10, abs=0.01)


def test_people_are_met_again_and_some_are_not_known(firsts: list[RecordV1]) -> None:
    lines = [line for record in firsts if record.kind == "visit" for line in record.lines]
    people = [line.person for line in lines if line.person is not None]
    assert 1 - len(people) / len(lines) == pytest.approx(0.30, abs=0.02)
    assert 0.40 < len({person.model_dump_json() for person in people}) / len(people) < 0.50


def test_some_is_sent_again_some_corrected_and_some_comes_weeks_late(
    year: list[list[Told]], firsts: list[RecordV1]
) -> None:
    sent = Counter((told.record, told.revision) for told in records_in(year))
    first = [count for (_, revision), count in sent.items() if revision == 1]
    assert sum(count - 1 for count in first) / len(first) == pytest.approx(0.08, abs=0.01)
    assert (len(sent) - len(first)) / len(first) == pytest.approx(0.02, abs=0.005)
    late = [record for record in firsts if (record.received_at.date() - record.day).days >= 7]
    assert 0.01 < len(late) / len(first) < 0.10


def test_it_arrives_in_the_order_of_its_days_mostly_in_the_evening(
    year: list[list[Told]], firsts: list[RecordV1]
) -> None:
    assert all(before.day <= after.day for before, after in pairwise(year[0]))
    hours = [datetime.fromisoformat(str(record.occurred_at)).hour for record in firsts]
    assert sum(hour >= 17 for hour in hours) / len(hours) > 0.5


def test_devices_say_that_they_have_sent_everything(year: list[list[Told]], firsts: list[RecordV1]) -> None:
    told = [ProgressV1.model_validate_json(each.body) for each in chain.from_iterable(year) if each.type != RECORD_TYPE]
    reporters = {record.reporter.id for record in firsts}
    assert {progress.reporter.id for progress in told} == reporters


def test_more_of_it_never_repeats_a_record() -> None:
    world = Field(FACTS)
    once, again = (
        {told.record for told in world.further(2000, salt=salt) if told.type == RECORD_TYPE} for salt in (1, 2)
    )
    assert once
    assert not once & again


def test_a_correction_is_of_a_record_of_the_year(year: list[list[Told]]) -> None:
    known = {told.record: told for told in records_in(year)}
    corrections = Field(FACTS).corrections(40)
    assert len(corrections) == 40
    for told in corrections:
        assert told.revision > 2
        assert (
            RecordV1.model_validate_json(told.body).record_id
            == RecordV1.model_validate_json(known[told.record].body).record_id
        )
    assert len({RecordV1.model_validate_json(told.body).day.month for told in corrections}) > 1


def test_the_land_is_the_province_of_today_with_a_team_in_every_commune() -> None:
    land = the_land()
    assert len(land.communes) == 102
    assert len(land.teams) == len(land.weights) == 3000
    assert {team.unit_id for team in land.teams} == {unit.record_id for unit in land.communes} | {
        hamlet.unit_id for hamlet in land.hamlets
    }
    assert all(hamlet.path[0] == land.province.record_id for hamlet in land.hamlets)
    assert DAYS == 365
