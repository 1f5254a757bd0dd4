"""The registry's states, as this process sees them."""

from dataclasses import dataclass

from libs.common.auth import Guard
from libs.common.log import Position
from libs.common.replica import Apply
from libs.contracts.registry import ClientV1, MeasureV1, PlatformV1, SigningKeyV1, TeamV1, UnitV1
from libs.contracts.topics import type_of
from services.metrics.consumer.references import reference_handlers
from services.metrics.domain.picture import Measure, Named, Picture
from services.metrics.store.ids import quick
from services.metrics.use_cases.units import unit_of

__all__ = ["picture_handlers"]


def picture_handlers(picture: Picture, guard: Guard) -> dict[str, Apply]:
    """Give what to do with each type of registry event; pydantic's ValidationError is a ValueError."""
    told = _Told(picture, guard)
    return {
        type_of(UnitV1): told.unit,
        type_of(TeamV1): told.team,
        type_of(MeasureV1): told.measure,
        type_of(PlatformV1): told.platform,
        type_of(ClientV1): told.client,
        type_of(SigningKeyV1): guard.key_changed,
        **reference_handlers(picture.references),
    }


@dataclass(frozen=True)
class _Told:
    """Puts each state into the picture and notes how far the registry's log has come."""

    picture: Picture
    guard: Guard

    def unit(self, body: bytes, position: Position) -> None:
        units = self.picture.units
        units.take(unit_of(UnitV1.model_validate_json(body, extra="ignore"), lambda known: units.one(quick(known))))
        self.picture.moved(_place(position), map_changed=True)

    def team(self, body: bytes, position: Position) -> None:
        told = TeamV1.model_validate_json(body, extra="ignore")
        self.picture.take_reporter(told.team_id, Named(told.revision, told.name))
        self.picture.moved(_place(position))

    def measure(self, body: bytes, position: Position) -> None:
        told = MeasureV1.model_validate_json(body, extra="ignore")
        vi, en = told.names.vi, told.names.en
        self.picture.take_measure(
            Measure(told.code, told.revision, told.version, vi, en, told.unit_of_count, tuple(told.aliases))
        )
        self.picture.moved(_place(position))

    def platform(self, body: bytes, position: Position) -> None:
        told = PlatformV1.model_validate_json(body, extra="ignore")
        self.picture.take_platform(told.code, told.revision, told.aliases)
        self.picture.moved(_place(position))

    def client(self, body: bytes, position: Position) -> None:
        self.guard.client_changed(body, position)
        partner = (told := ClientV1.model_validate_json(body, extra="ignore")).partner
        if partner is not None:
            self.picture.take_reporter(partner.partner_id, Named(told.revision, partner.name))
            self.picture.moved(_place(position))


def _place(position: Position) -> tuple[int, int, int]:
    return (position.epoch, position.xid, position.seq)
