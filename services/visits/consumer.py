"""Kafka in: the registry's events fill the directory; held records are settled when what they wait for comes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from libs.common.auth import Guard
from libs.common.db import Engine, Unavailable, transaction
from libs.common.log import Position
from libs.common.replica import Apply, Replica
from libs.common.telemetry import get_logger
from libs.contracts.network import ModelV1, WaveV1
from libs.contracts.registry import ClientV1, MeasureV1, PlatformV1, SigningKeyV1, TeamV1, UnitV1
from libs.contracts.topics import type_of
from services.visits import store
from services.visits.domain.directory import Directory, Measure, Model, Platform, Team, Unit, Wave
from services.visits.use_cases.settle import settle_held

__all__ = ["Settler", "handlers"]

logger = get_logger(__name__)

SWEEP_SECONDS = 1.0
PAGE_ROWS = 500


def handlers(directory: Directory, guard: Guard) -> dict[str, Apply]:
    """Give what to do with each type of event; pydantic's ValidationError is a ValueError."""

    def team(body: bytes, _: Position) -> None:
        told = TeamV1.model_validate_json(body, extra="ignore")
        directory.add_team(
            Team(told.team_id, told.revision, told.code, told.unit_id, told.established_on, told.dissolved_on)
        )

    def platform(body: bytes, _: Position) -> None:
        told = PlatformV1.model_validate_json(body, extra="ignore")
        directory.add_platform(Platform(told.code, told.revision, tuple(told.aliases)))

    def wave(body: bytes, _: Position) -> None:
        told = WaveV1.model_validate_json(body, extra="ignore")
        directory.add_wave(Wave(told.wave_id, told.revision, told.first_day, told.last_day, told.cancelled))

    def model(body: bytes, _: Position) -> None:
        told = ModelV1.model_validate_json(body, extra="ignore")
        directory.add_model(Model(told.model_id, told.revision, told.launched_on, told.ended_on))

    return {
        type_of(UnitV1): lambda body, _: directory.add_unit(_unit(body)),
        type_of(TeamV1): team,
        type_of(MeasureV1): lambda body, _: directory.add_measure(_measure(body)),
        type_of(PlatformV1): platform,
        type_of(WaveV1): wave,
        type_of(ModelV1): model,
        type_of(ClientV1): guard.client_changed,
        type_of(SigningKeyV1): guard.key_changed,
    }


def _measure(body: bytes) -> Measure:
    told = MeasureV1.model_validate_json(body, extra="ignore")
    return Measure(
        told.code, told.revision, frozenset(told.stages), told.valid_from, told.valid_to, tuple(told.aliases)
    )


def _unit(body: bytes) -> Unit:
    told = UnitV1.model_validate_json(body, extra="ignore")
    return Unit(
        unit_id=told.unit_id,
        revision=told.revision,
        code=told.code,
        valid_from=told.valid_from,
        valid_to=told.valid_to,
        within=frozenset(told.within),
        whole_successor=next((edge.unit_id for edge in told.successors if edge.share == "whole"), None),
        successors=tuple(edge.unit_id for edge in told.successors),
        parent_id=told.parent_id,
        name=told.name,
    )


@dataclass(frozen=True)
class Settler:
    """Settles what is held, each time the directory has changed and once a second.

    The event alone would miss a record that was stored as held just after its team had come.
    """

    engine: Engine
    directory: Directory
    root_of: Callable[[str], UUID | None]
    changed: asyncio.Event

    async def run(self, replica: Replica, beat: Callable[[], None], stop: asyncio.Event) -> None:
        """Settle until told to stop, once the directory is whole."""
        await replica.until_ready(stop)
        while not stop.is_set():
            beat()
            self.changed.clear()
            try:
                await self.sweep(beat)
            except Unavailable as error:
                logger.warning("settle.interrupted", error=str(error))
            try:
                await asyncio.wait_for(self.changed.wait(), SWEEP_SECONDS)
            except TimeoutError:
                continue

    async def sweep(self, beat: Callable[[], None] = lambda: None) -> None:
        """Look at everything that is held, a page a transaction."""
        after: UUID | None = None
        while True:
            beat()
            async with transaction(self.engine) as connection:
                rows = await store.held(connection, PAGE_ROWS, after)
                settled = await settle_held(connection, rows, self.directory, self.root_of, datetime.now(UTC))
            if settled:
                logger.info("settle.settled", records=settled)
            if len(rows) < PAGE_ROWS:
                return
            after = rows[-1].record_id
