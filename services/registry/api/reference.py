"""HTTP in: denominators and targets."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.common.db import transaction
from libs.common.http import json_response, parameters
from libs.common.problem import Catalogue, Fault, Problem
from libs.common.validation import faults_of
from libs.contracts.model import Contract
from libs.contracts.problems import entries
from libs.contracts.reference import DENOMINATOR_BASES
from libs.contracts.reference_api import MAX_REFERENCE_ROWS, DenominatorInput, TargetInput
from services.registry.api.door import Door
from services.registry.api.naming import named_in
from services.registry.api.parts import day_asked, page_answer, paging, today, unit_asked
from services.registry.domain.atlas import Atlas
from services.registry.domain.reference import Decision, DenominatorRow, TargetRow
from services.registry.store.reference import ReferenceFilter
from services.registry.use_cases import reference
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.reference import Outcome

__all__ = ["ReferenceApi"]

MODES = ("commit", "validate")
YES_NO = ("true", "false")
T = TypeVar("T", bound=Contract)
Row = TypeVar("Row", DenominatorRow, TargetRow)


class _Rows(Contract):
    """Rows as they came; each is read by itself, so that one that is malformed does not keep out the others."""

    rows: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=MAX_REFERENCE_ROWS)]


@dataclass(frozen=True)
class ReferenceApi:
    """The endpoints with what they need; each opens its own transaction."""

    door: Door
    keeper: Keeper

    def routes(self) -> list[Route]:
        """Give every route."""
        return [
            Route("/v1/denominators", self.list_denominators, methods=["GET"]),
            Route("/v1/denominators", self.write_denominators, methods=["POST"]),
            Route("/v1/targets", self.list_targets, methods=["GET"]),
            Route("/v1/targets", self.write_targets, methods=["POST"]),
        ]

    async def write_denominators(self, request: Request) -> Response:
        """Write denominators; every row is answered."""
        root = self.door.caller(request, "registry:write").unit_id
        mode, atomic = _how(request)
        rows = [_read(row, DenominatorInput, _denominator) for row in (await self.door.body(request, _Rows)).rows]
        async with transaction(self.door.engine) as connection:
            atlas = await self.keeper.newest(connection)
            outcomes = await reference.write_denominators(connection, atlas, rows, root=root, store=mode == "commit")
            return _answered(mode, outcomes, atomic=atomic)

    async def write_targets(self, request: Request) -> Response:
        """Write targets; every row is answered."""
        root = self.door.caller(request, "registry:write").unit_id
        mode, atomic = _how(request)
        rows = [_read(row, TargetInput, _target) for row in (await self.door.body(request, _Rows)).rows]
        async with transaction(self.door.engine) as connection:
            atlas = await self.keeper.newest(connection)
            outcomes = await reference.write_targets(
                connection, atlas, rows, root=root, today=today(), store=mode == "commit"
            )
            return _answered(mode, outcomes, atomic=atomic)

    async def list_denominators(self, request: Request) -> Response:
        """Give a page of denominators by unit, base and day."""
        root = self.door.caller(request).unit_id
        asked = parameters(request, "unit", "within", "base", "on", "limit", "cursor")
        base, on, page = _one_of(asked, "base", DENOMINATOR_BASES), day_asked(asked, "on"), paging(asked)
        async with transaction(self.door.engine, readonly=True) as connection:
            atlas = await self.keeper.newest(connection)
            unit = unit_asked(atlas, asked.get("unit"), on or today())
            wanted = ReferenceFilter(_units(atlas, unit, root, asked), base=base, on=on)
            found = await reference.list_denominators(connection, wanted, page.after, page.limit)
        return page_answer(request, "denominators", found)

    async def list_targets(self, request: Request) -> Response:
        """Give a page of targets by unit and indicator."""
        root = self.door.caller(request).unit_id
        asked = parameters(request, "unit", "within", "indicator", "limit", "cursor")
        page = paging(asked)
        async with transaction(self.door.engine, readonly=True) as connection:
            atlas = await self.keeper.newest(connection)
            unit = unit_asked(atlas, asked.get("unit"), today())
            wanted = ReferenceFilter(_units(atlas, unit, root, asked), indicator=asked.get("indicator"))
            found = await reference.list_targets(connection, wanted, page.after, page.limit)
        return page_answer(request, "targets", found)


def _how(request: Request) -> tuple[str, bool]:
    asked = parameters(request, "mode", "atomic")
    return _one_of(asked, "mode", MODES) or MODES[0], _one_of(asked, "atomic", YES_NO) == "true"


def _one_of(asked: Mapping[str, str], name: str, allowed: Sequence[str]) -> str | None:
    if name in asked and asked[name] not in allowed:
        raise Problem("bad_parameter", name=name, reason=" | ".join(allowed))
    return asked.get(name)


def _units(atlas: Atlas, unit: UUID | None, root: UUID | None, asked: Mapping[str, str]) -> list[UUID] | None:
    """Give the units asked for that lie in the caller's subtree; None: all."""
    within = _one_of(asked, "within", YES_NO) == "true"
    if unit is None:
        return None if root is None else [each.record_id for each in atlas.units.values() if root in each.within]
    found = [each for each in atlas.units.values() if unit in each.within] if within else [atlas.units[unit]]
    return [each.record_id for each in found if root is None or root in each.within]


def _read(row: Mapping[str, Any], contract: type[T], make: Callable[[T], Row]) -> Row | list[Fault]:
    try:
        told = contract.model_validate_json(json.dumps(row))
    except ValidationError as error:
        return faults_of(error)
    return named_in(told) or make(told)


def _denominator(told: DenominatorInput) -> DenominatorRow:
    return DenominatorRow(told.unit, told.base, told.min_age, told.max_age, told.on, told.value, told.source)


def _target(told: TargetInput) -> TargetRow:
    decision = told.decision
    return TargetRow(
        told.unit,
        told.indicator,
        told.comparator,
        told.value,
        told.unit_of_count,
        told.denominator,
        told.min_age,
        told.due,
        Decision(decision.number, decision.signed_on, decision.issuer) if decision else None,
        told.parent,
    )


def _answered(mode: str, outcomes: Sequence[Outcome], *, atomic: bool) -> Response:
    """Answer every row; raises Problem, and so undoes the transaction, where all had to be stored and one cannot."""
    catalogue = Catalogue.of(entries())
    rows = [
        {
            "index": index,
            "status": outcome.status,
            "id": outcome.record_id,
            "revision": outcome.revision,
            "errors": [catalogue.describe(fault) for fault in outcome.faults],
        }
        for index, outcome in enumerate(outcomes)
    ]
    if atomic and any(outcome.status == "rejected" for outcome in outcomes):
        raise Problem("batch_not_stored", extra={"rows": rows})
    return json_response({"mode": mode, "rows": rows})
