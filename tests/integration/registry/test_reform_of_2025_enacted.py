"""The reform of 1 July 2025 through the API, from the legacy half of the list to the list as it was published."""

import csv
import io
from typing import Any

import pytest

from libs.common.db import transaction
from libs.contracts.registry import UnitV1
from libs.contracts.topics import type_of
from services.registry.domain.reform.operations import AbolishLevel, Create, Merge, NewUnit, Place
from services.registry.store import log
from services.registry.use_cases import loading
from tests.integration.registry.conftest import Registry
from tests.integration.registry.test_reforms_api import EDGES, act, ask
from tests.integration.registry.test_registry_api import DIGEST
from tests.support.reform_of_2025 import DATA, DECREE, REFORM_DAY, decree_of_2025, listed


def legacy_file() -> bytes:
    rows = list(csv.DictReader(io.StringIO((DATA / "admin_units.csv").read_text(encoding="utf-8"))))
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "valid_to": ""} for row in rows if row["valid_to"] == str(REFORM_DAY))
    return out.getvalue().encode()


def told(operation: Any) -> dict[str, Any]:
    """Write an operation as it is sent."""
    match operation:
        case AbolishLevel(level):
            return {"abolish_level": {"level": level}}
        case Create(new):
            return {"create": new_unit(new)}
        case Merge(sources, Place(new=NewUnit() as new)):
            taken = [{"unit": source.unit, "share": source.share} for source in sources]
            return {"merge": {"sources": taken, "target": {"new": new_unit(new)}}}
    raise TypeError(operation)


def new_unit(new: NewUnit) -> dict[str, Any]:
    fields = ("key", "level", "type", "name", "short_name", "code", "parent")
    return {field: getattr(new, field) for field in fields if getattr(new, field) is not None}


@pytest.mark.timeout(300)  # Some ten seconds, where nobody else works.
async def test_enacted_over_the_legacy_half_it_gives_the_published_list(registry: Registry) -> None:
    await registry.load(loading.load_map, ("units.csv", legacy_file()), ("lineage.csv", EDGES.encode()))
    await registry.load_client("portal", scopes=["registry:read", "reforms:write"], secret_sha256=DIGEST)
    published = listed()
    decree = decree_of_2025(published)
    body = {"id": decree.reform_id, "decree": DECREE, "effective_date": REFORM_DAY}
    operations = [told(operation) for _, operation in decree.operations]
    drafted = await ask(registry, "POST", "/v1/reforms", {**body, "operations": operations})
    assert drafted.status == 201, drafted.body[:500]
    enacted = await act(registry, str(decree.reform_id), "enact")
    assert enacted.status == 200, enacted.body[:500]
    assert (enacted.json["units_begun"], enacted.json["units_ended"]) == (3_355, 10_789)
    async with transaction(registry.engine) as connection:
        heads = await log.heads(connection, type_of(UnitV1))
        assert await connection.fetchval("SELECT count(*) FROM log WHERE type <> $1", type_of(UnitV1)) == 2
    states = {unit_id: UnitV1.model_validate_json(head.body) for unit_id, head in heads.items()}
    assert states.keys() == {unit.record_id for unit in published}
    for unit in published:
        state = states[unit.record_id]
        assert (state.code, state.name, state.type, state.level) == (unit.code, unit.name, unit.type, unit.level)
        assert (state.valid_from, state.valid_to) == (unit.valid_from, unit.valid_to)
        assert (state.parent_id, tuple(state.path), tuple(state.within)) == (unit.parent_id, unit.path, unit.within)
        edges = [(edge.unit_id, edge.share, edge.effective) for edge in state.successors]
        assert edges == [(edge.unit_id, edge.share, edge.effective) for edge in unit.successors]
