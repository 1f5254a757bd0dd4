"""The registry's events become the picture that queries are answered with."""

import json
import uuid
from typing import Any

import pytest

from libs.common.auth import Guard
from libs.common.log import Position
from libs.contracts.registry import ClientV1, MeasureV1, PlatformV1, TeamV1, UnitV1
from libs.contracts.topics import type_of
from services.metrics.consumer import picture_handlers
from services.metrics.domain.picture import Picture

UNIT, TEAM, PARTNER = (str(uuid.UUID(int=n, version=4)) for n in range(1, 4))
STATES: dict[type, dict[str, Any]] = {
    UnitV1: {
        "unit_id": UNIT,
        "revision": 2,
        "code": "87",
        "level": "province",
        "type": "tinh",
        "name": "Tỉnh Đồng Tháp",
        "short_name": "Đồng Tháp",
        "valid_from": None,
        "valid_to": "2025-07-01",
        "parent_id": None,
        "path": [UNIT],
        "within": [UNIT],
    },
    TeamV1: {
        "team_id": TEAM,
        "revision": 1,
        "code": "SD-01",
        "name": "Tổ 1",
        "type": "community_digital_team",
        "level": "commune",
        "unit_id": UNIT,
    },
    MeasureV1: {
        "code": "FLD-07",
        "revision": 1,
        "version": 3,
        "names": {"vi": "Cài", "en": "Installs"},
        "unit_of_count": "install",
        "topic": "citizen-app",
    },
    PlatformV1: {"code": "vnpay", "revision": 1, "names": {"vi": "VNPay", "en": "VNPay"}, "kind": "wallet"},
    ClientV1: {
        "client_id": "bank",
        "revision": 1,
        "name": "Ngân hàng",
        "kind": "partner",
        "scopes": ["metrics:read"],
        "unit_id": None,
        "status": "active",
        "partner": {"partner_id": PARTNER, "code": "b", "name": "Ngân hàng B", "kind": "bank"},
    },
}


def take(picture: Picture, contract: type, position: Position, **changes: Any) -> None:
    state = json.dumps({**STATES[contract], **changes}).encode()
    picture_handlers(picture, Guard("tungnha"))[type_of(contract)](state, position)


def test_every_kind_of_state_is_taken_and_moves_the_revision() -> None:
    picture = Picture()
    for n, contract in enumerate(STATES, 1):
        take(picture, contract, Position(1, n, n))
    unit = picture.units.get(uuid.UUID(UNIT))
    assert unit is not None
    assert (unit.name, unit.level, str(unit.valid_to)) == ("Tỉnh Đồng Tháp", "province", "2025-07-01")
    assert (picture.measures["FLD-07"].version, picture.measures["FLD-07"].unit_of_count) == (3, "install")
    assert picture.platforms.keys() == {"vnpay"}
    assert {named.name for named in picture.reporters.values()} == {"Tổ 1", "Ngân hàng B"}
    assert (picture.map_revision, picture.revision) == ((1, 1, 1), (1, 5, 5))


def test_an_older_state_that_comes_again_changes_nothing() -> None:
    picture = Picture()
    take(picture, UnitV1, Position(1, 9, 9))
    take(picture, UnitV1, Position(1, 3, 3), revision=1, name="Cũ")
    unit = picture.units.get(uuid.UUID(UNIT))
    assert unit is not None
    assert unit.name == "Tỉnh Đồng Tháp"
    assert picture.map_revision == (1, 9, 9)


def test_a_field_that_a_newer_version_adds_is_passed_over() -> None:
    picture = Picture()
    take(picture, MeasureV1, Position(1, 1, 1), colour="red")
    assert "FLD-07" in picture.measures


@pytest.mark.parametrize("contract", [UnitV1, ClientV1])
def test_a_state_that_does_not_validate_is_refused(contract: type) -> None:
    with pytest.raises(ValueError, match="revision"):
        take(Picture(), contract, Position(1, 1, 1), revision="x")


def test_units_share_the_objects_of_their_ids() -> None:
    picture = Picture()
    take(picture, UnitV1, Position(1, 1, 1))
    unit = picture.units.get(uuid.UUID(UNIT))
    assert unit is not None
    assert unit.path[0] is unit.within[0] is unit.unit_id
