"""The registry's states, as this process sees them."""

from libs.common.auth import Guard
from libs.common.log import Position
from libs.common.replica import Apply
from libs.contracts.registry import ClientV1, MeasureV1, PlatformV1, SigningKeyV1, TeamV1, UnitV1
from libs.contracts.topics import type_of
from services.metrics.domain.map import Unit
from services.metrics.domain.picture import Measure, Named, Picture

__all__ = ["picture_handlers"]


def picture_handlers(picture: Picture, guard: Guard) -> dict[str, Apply]:
    """Give what to do with each type of registry event; pydantic's ValidationError is a ValueError."""

    def unit(body: bytes, position: Position) -> None:
        told = UnitV1.model_validate_json(body, extra="ignore")
        one = picture.units.one
        path, within = tuple(map(one, told.path)), tuple(map(one, told.within))
        picture.units.take(
            Unit(
                one(told.unit_id),
                told.revision,
                told.code,
                told.level,
                told.name,
                told.valid_from,
                told.valid_to,
                path,
                within,
            )
        )
        picture.moved(_place(position), map_changed=True)

    def team(body: bytes, position: Position) -> None:
        told = TeamV1.model_validate_json(body, extra="ignore")
        picture.take_reporter(told.team_id, Named(told.revision, told.name))
        picture.moved(_place(position))

    def measure(body: bytes, position: Position) -> None:
        told = MeasureV1.model_validate_json(body, extra="ignore")
        names = told.names
        picture.take_measure(Measure(told.code, told.revision, told.version, names.vi, names.en, told.unit_of_count))
        picture.moved(_place(position))

    def platform(body: bytes, position: Position) -> None:
        told = PlatformV1.model_validate_json(body, extra="ignore")
        picture.take_platform(told.code, told.revision)
        picture.moved(_place(position))

    def client(body: bytes, position: Position) -> None:
        guard.client_changed(body, position)
        told = ClientV1.model_validate_json(body, extra="ignore")
        if told.partner is not None:
            picture.take_reporter(told.partner.partner_id, Named(told.revision, told.partner.name))
            picture.moved(_place(position))

    return {
        type_of(UnitV1): unit,
        type_of(TeamV1): team,
        type_of(MeasureV1): measure,
        type_of(PlatformV1): platform,
        type_of(ClientV1): client,
        type_of(SigningKeyV1): guard.key_changed,
    }


def _place(position: Position) -> tuple[int, int, int]:
    return (position.epoch, position.xid, position.seq)
