"""Rules of statements and of what they are held against, without a database."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from libs.common.log import BEGINNING
from libs.contracts.reference import DenominatorV1, TargetV1
from libs.contracts.statements_api import QUALIFIERS, REASONS, SHAPES
from libs.contracts.topics import type_of
from services.metrics.consumer.references import reference_handlers
from services.metrics.domain import statements
from services.metrics.domain.comparing import Placed, compare_to_target, reached, whole_sum
from services.metrics.domain.map import Unit, UnitMap
from services.metrics.domain.reasons import REASONS as WORDS
from services.metrics.domain.references import Denominator, References, Target
from services.metrics.domain.standing import Coverage, Standing
from services.metrics.domain.statements import Qualifier, Said, Source, Statement, Wording, Words
from services.metrics.use_cases.statement_views import Lens

THEN, REFORM, NOW = date(2025, 5, 1), date(2025, 7, 1), date(2026, 1, 1)
OLD, OTHER, NEW, SPLIT = (UUID(int=n) for n in range(1, 5))
WARD, NEXT, MERGED, TARGET = (UUID(int=n) for n in range(11, 15))

STATEMENT = Statement(
    id="1",
    source="S",
    indicator="NET-01",
    qualifier="exact",
    value=Decimal(10),
    unit_of_count="team",
    denominator=None,
    shape="snapshot",
    since=None,
    as_of=THEN,
    due=None,
    part=None,
    level="commune",
    province_code="01",
    unit_codes=("00001",),
    sum_of=(),
    flags=(),
    note=None,
)


def a_target(**changes: object) -> Target:
    target = Target(TARGET, 1, "ADO-13", OLD, ">=", Decimal(80), "percent", "households", None, NOW, None, None)
    return replace(target, **changes)  # type: ignore[arg-type]


def placed(statement: Statement = STATEMENT, *units: UUID, parts_of: frozenset[UUID] = frozenset()) -> Placed:
    return Placed(statement, frozenset(units or (OLD,)), frozenset(), parts_of)


def a_map() -> UnitMap:
    """A ward that was divided, and one that was merged with a part of it."""
    made = UnitMap()
    for unit_id, code, level, begin, end, within, onto in (
        (OLD, "00001", "commune", None, REFORM, (OLD,), (NEW, SPLIT)),
        (OTHER, "00002", "commune", None, REFORM, (OTHER, NEW), (NEW,)),
        (NEW, "00002", "commune", REFORM, None, (NEW,), ()),
        (SPLIT, "00003", "commune", REFORM, None, (SPLIT,), ()),
    ):
        made.take(Unit(unit_id, 1, code, level, f"Xã {code}", begin, end, (unit_id,), within, onto))
    return made


def test_words_of_the_domain_are_those_of_the_contract() -> None:
    assert (statements.QUALIFIERS, statements.SHAPES) == (QUALIFIERS, SHAPES)
    assert WORDS.keys() == set(REASONS)


@pytest.mark.parametrize(
    ("qualifier", "value", "expected"),
    [
        ("exact", 80, True),
        ("exact", 79, False),
        ("more_than", 80, True),
        ("more_than", 79, None),
        ("at_least", 80, True),
        ("at_least", 79, None),
        ("just_under", 80, False),
        ("just_under", 81, None),
        ("about", 95, None),
        ("order_of_magnitude", 95, None),
    ],
)
def test_a_qualifier_may_leave_open_whether_a_target_is_reached(
    qualifier: Qualifier, value: int, expected: bool | None
) -> None:
    assert reached(qualifier, Decimal(value), ">=", Decimal(80)) is expected


def test_more_than_the_target_is_more_than_it() -> None:
    assert reached("exact", Decimal(80), ">", Decimal(80)) is False
    assert reached("more_than", Decimal(80), ">", Decimal(80)) is True
    assert reached("at_least", Decimal(80), ">", Decimal(80)) is None


def test_a_figure_is_measured_by_a_target_of_just_its_meaning() -> None:
    figure = replace(STATEMENT, indicator="ADO-13", unit_of_count="percent", denominator="households")
    assert compare_to_target(placed(figure), a_target()) == []
    assert compare_to_target(placed(figure), a_target(denominator="population_total")) == ["different_denominator"]
    assert compare_to_target(placed(figure, OTHER), a_target()) == ["different_unit"]
    assert compare_to_target(placed(figure, OTHER, parts_of=frozenset({OLD})), a_target()) == ["partial_coverage"]
    assert compare_to_target(placed(replace(figure, shape="flow")), a_target()) == ["not_a_state"]
    adults = replace(figure, denominator="population_adult")
    target = a_target(denominator="population_adult", min_age=18)
    assert compare_to_target(placed(adults), target) == ["unstated_age_bound"]


def test_people_are_added_only_where_the_source_adds_them() -> None:
    one, other = (replace(STATEMENT, id=str(n), unit_of_count="person", part=part) for n, part in enumerate("ab"))
    assert whole_sum([placed(one), placed(other)], None) == ["overlapping"]
    assert whole_sum([placed(one), placed(other)], STATEMENT) == []


def test_teams_of_two_places_add_up_and_of_one_place_within_the_other_do_not() -> None:
    elsewhere = replace(STATEMENT, id="2")
    assert whole_sum([placed(), placed(elsewhere, OTHER)], None) == []
    assert whole_sum([placed(), placed(elsewhere, OTHER, parts_of=frozenset({OLD}))], None) == ["overlapping"]
    assert whole_sum([placed(), placed(replace(elsewhere, as_of=NOW), OTHER)], None) == ["different_day"]


def test_a_divided_unit_has_no_heir_to_its_figure() -> None:
    units = a_map()
    old, other = units.get(OLD), units.get(OTHER)
    assert old is not None
    assert other is not None
    found = {holder.unit.unit_id: holder for holder in Standing(units).holders([old], THEN, NOW)}
    assert found.keys() == {NEW, SPLIT}
    assert found[NEW].coverage == Coverage(predecessors=2, covered=0, divided=1)
    assert not found[NEW].whole
    assert not any(holder.all for holder in found.values())
    (merged,) = Standing(units).holders([other], THEN, NOW)
    assert (merged.unit.unit_id, merged.all, merged.whole) == (NEW, True, False)
    assert merged.coverage.words().en == "one of two predecessors, one divided"


def test_a_place_the_map_does_not_have_is_said_and_seen_by_nobody_but_all() -> None:
    said = Said(1, Words({"S": Source("S", Wording("a", "b"), THEN)}, units={"team": Wording("tổ", "teams")}))
    said = replace(said, statements={"1": (1, STATEMENT)})
    lens = Lens(said, References(), Standing(UnitMap()), "current", NOW, shown=True)
    view = lens.view(STATEMENT)
    assert [(unit.unit_id, unit.code) for unit in view.said_of] == [(None, "00001")]
    assert ([caveat.code for caveat in view.caveats], view.held_by, view.indicator_names) == (
        ["unknown_unit"],
        [],
        None,
    )


def test_the_newest_denominators_not_after_a_day_are_found() -> None:
    references = References()
    for number, (day, age) in enumerate(((date(2023, 4, 1), None), (date(2024, 4, 1), None), (THEN, None), (THEN, 18))):
        references.take_denominator(
            Denominator(UUID(int=number), 1, OLD, "population_adult", age, None, day, number, "x")
        )
    references.take_denominator(Denominator(UUID(int=2), 2, OLD, "population_adult", None, None, THEN, 22, "x"))
    references.take_denominator(Denominator(UUID(int=2), 1, OLD, "population_adult", None, None, THEN, 11, "x"))
    base = frozenset({"population_adult"})
    assert [row.value for row in references.denominators(OLD, base, date(2024, 12, 31))] == [1]
    assert {row.value for row in references.denominators(OLD, base, NOW)} == {22, 3}
    assert references.denominators(OTHER, base, NOW) == []


def test_targets_above_are_found_also_where_they_run_in_a_circle() -> None:
    references = References()
    references.take_target(a_target(parent_id=NEW))
    references.take_target(a_target(target_id=NEW, parent_id=TARGET))
    assert references.above(references.targets[TARGET]) == [NEW]


def test_the_registrys_states_become_references() -> None:
    references = References()
    handlers = reference_handlers(references)
    told = TargetV1(
        target_id=TARGET,
        revision=2,
        indicator="ADO-13",
        unit_id=OLD,
        comparator=">=",
        value="9.07",
        unit_of_count="percent",
        denominator="households",
        due=NOW,
    )
    handlers[type_of(TargetV1)](told.model_dump_json().encode(), BEGINNING)
    older = told.model_copy(update={"revision": 1, "value": "1"})
    handlers[type_of(TargetV1)](older.model_dump_json().encode(), BEGINNING)
    assert references.targets[TARGET].value == Decimal("9.07")
    row = DenominatorV1(denominator_id=NEW, revision=1, unit_id=OLD, base="households", on=THEN, value=5, source="x")
    handlers[type_of(DenominatorV1)](row.model_dump_json().encode(), BEGINNING)
    assert [each.value for each in references.denominators(OLD, frozenset({"households"}), NOW)] == [5]
    with pytest.raises(ValueError, match="value"):
        handlers[type_of(DenominatorV1)](b'{"denominator_id": "x"}', BEGINNING)
