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
from libs.contracts.registry import ClientV1, MeasureV1, PlatformV1, SigningKeyV1, TeamV1, UnitV1
from libs.contracts.topics import type_of
from services.visits import store
from services.visits.domain.directory import Directory, Measure, Platform, Team, Unit
from services.visits.use_cases.settle import settle_held

__all__ = ["Settler", "handlers"]

logger = get_logger(__name__)

SWEEP_SECONDS = 1.0
PAGE_ROWS = 500


def handlers(directory: Directory, guard: Guard) -> dict[str, Apply]:
    """Give what to do with each type of event; pydantic's ValidationError is a ValueError."""

    def unit(body: bytes, _: Position) -> None:
        told = UnitV1.model_validate_json(body, extra="ignore")
        whole = next((edge.unit_id for edge in told.successors if edge.share == "whole"), None)
        within = frozenset(told.within)
        directory.add_unit(Unit(told.unit_id, told.revision, told.code, told.valid_from, told.valid_to, within, whole))

    def team(body: bytes, _: Position) -> None:
        told = TeamV1.model_validate_json(body, extra="ignore")
        directory.add_team(
            Team(told.team_id, told.revision, told.code, told.unit_id, told.established_on, told.dissolved_on)
        )

    def measure(body: bytes, _: Position) -> None:
        told = MeasureV1.model_validate_json(body, extra="ignore")
        directory.add_measure(Measure(told.code, told.revision, frozenset(told.stages), told.valid_from, told.valid_to))

    def platform(body: bytes, _: Position) -> None:
        told = PlatformV1.model_validate_json(body, extra="ignore")
        directory.add_platform(Platform(told.code, told.revision))

    return {
        type_of(UnitV1): unit,
        type_of(TeamV1): team,
        type_of(MeasureV1): measure,
        type_of(PlatformV1): platform,
        type_of(ClientV1): guard.client_changed,
        type_of(SigningKeyV1): guard.key_changed,
    }


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
                await self.sweep()
            except Unavailable as error:
                logger.warning("settle.interrupted", error=str(error))
            try:
                await asyncio.wait_for(self.changed.wait(), SWEEP_SECONDS)
            except TimeoutError:
                continue

    async def sweep(self) -> None:
        """Look at everything that is held, a page a transaction."""
        after: UUID | None = None
        while True:
            async with transaction(self.engine) as connection:
                rows = await store.held(connection, PAGE_ROWS, after)
                settled = await settle_held(connection, rows, self.directory, self.root_of, datetime.now(UTC))
            if settled:
                logger.info("settle.settled", records=settled)
            if len(rows) < PAGE_ROWS:
                return
            after = rows[-1].record_id
