"""The reform of 1 July 2025, enacted by the code that enacts any other, comes to the list as it was published."""

from collections import Counter
from dataclasses import replace

from services.registry.domain.atlas import Atlas
from services.registry.domain.invariants import conflicts
from services.registry.domain.reform.applying import apply
from tests.support.reform_of_2025 import DECREE, REFORM_DAY, decree_of_2025, listed, map_before


def test_replayed_it_gives_every_unit_and_edge_of_the_published_list() -> None:
    published = listed()
    before = Atlas.of(map_before(published))
    assert not list(conflicts(before.units))
    outcome = apply(before, decree_of_2025(published))
    assert outcome.faults == ()
    assert len(outcome.begun) == 3_355
    assert len(outcome.ended) == 10_789
    enacted = {**before.units, **{unit.record_id: unit for unit in outcome.states}}
    # The file of lineage does not name the decree.
    expected = {
        unit.record_id: replace(unit, successors=tuple(replace(edge, decree=DECREE) for edge in unit.successors))
        for unit in published
    }
    assert enacted == expected
    open_units = [unit for unit in enacted.values() if unit.valid_to is None]
    assert Counter(unit.level for unit in open_units) == {"province": 34, "commune": 3_321}
    without_predecessor = {unit.record_id for unit in open_units} - {
        edge.unit_id for unit in enacted.values() for edge in unit.successors
    }
    assert {enacted[unit_id].code for unit_id in without_predecessor} == {"11948", "19742", "20333", "21548", "26732"}
    assert all(unit.valid_from == REFORM_DAY for unit in open_units)
    assert not list(conflicts(enacted))
