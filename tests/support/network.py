"""A small land with its reform, and the officers who keep teams and members in it."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from starlette.types import ASGIApp

from libs.common.auth import Guard
from services.registry.domain.ids import record_id
from tests.support.callers import Issuer
from tests.support.http import Answer, call

__all__ = ["EDGES", "UNITS", "Land", "member_body", "new_id", "team_body", "unit_id"]

UNITS = """code,valid_from,valid_to,level,type,name,short_name,parent_code
82,,2025-07-01,province,tinh,Tỉnh Tiền Giang,Tiền Giang,
87,,2025-07-01,province,tinh,Tỉnh Đồng Tháp,Đồng Tháp,
82,2025-07-01,,province,tinh,Tỉnh Đồng Tháp,Đồng Tháp,
14,,,province,tinh,Tỉnh Sơn La,Sơn La,
867,,2025-07-01,district,thanh_pho,Thành phố Sa Đéc,Sa Đéc,87
815,,2025-07-01,district,thanh_pho,Thành phố Mỹ Tho,Mỹ Tho,82
29905,,2025-07-01,commune,phuong,Phường 1,1,867
29908,,2025-07-01,commune,phuong,Phường 2,2,867
29911,,2025-07-01,commune,xa,Xã Tân Quy Tây,Tân Quy Tây,867
28249,,2025-07-01,commune,phuong,Phường 5,5,815
29905,2025-07-01,,commune,phuong,Phường Sa Đéc,Sa Đéc,82
29929,2025-07-01,,commune,xa,Xã Tân Dương,Tân Dương,82
28249,2025-07-01,,commune,phuong,Phường Mỹ Tho,Mỹ Tho,82
03646,,,commune,phuong,Phường Tô Hiệu,Tô Hiệu,14
"""
EDGES = """level,old_code,new_code,effective,share,decree
province,82,82,2025-07-01,whole,202/2025/QH15
province,87,82,2025-07-01,whole,202/2025/QH15
commune,29905,29905,2025-07-01,whole,1663/NQ-UBTVQH15
commune,29908,29905,2025-07-01,whole,1663/NQ-UBTVQH15
commune,29911,29905,2025-07-01,part,1663/NQ-UBTVQH15
commune,29911,29929,2025-07-01,part,1663/NQ-UBTVQH15
commune,28249,28249,2025-07-01,whole,1663/NQ-UBTVQH15
"""
OFFICER = ("registry:read", "registry:write", "members:read")

_count = itertools.count(1)


def new_id() -> str:
    """Make an id as a client does (UUIDv7), each other than those before."""
    return f"0196b6d0-0000-7000-8000-{next(_count):012x}"


def unit_id(level: str, code: str, since: str = "") -> UUID:
    """Give the id of a unit of the small land."""
    return record_id("unit", level, code, since)


@dataclass
class Land:
    """The registry's API as officers and portals of the small land call it."""

    app: ASGIApp
    guard: Guard
    issuer: Issuer = field(init=False)

    def __post_init__(self) -> None:
        self.issuer = Issuer(self.guard)
        self.issuer.client("dong-thap", scopes=OFFICER, unit_id=unit_id("province", "82", "2025-07-01"))
        self.issuer.client("sa-dec", scopes=OFFICER, unit_id=unit_id("commune", "29905", "2025-07-01"))
        self.issuer.client("tan-duong", scopes=OFFICER, unit_id=unit_id("commune", "29929", "2025-07-01"))
        self.issuer.client("son-la", scopes=OFFICER, unit_id=unit_id("province", "14"))
        self.issuer.client("operator", scopes=OFFICER, unit_id=None)
        self.issuer.client("portal", scopes=("registry:read",), unit_id=unit_id("province", "82", "2025-07-01"))

    async def get(self, path: str, by: str = "dong-thap", **headers: str) -> Answer:
        """Read as a client."""
        return await call(self.app, "GET", path, headers={**self.issuer.headers(by), **headers})

    async def post(self, path: str, body: dict[str, Any], by: str = "dong-thap") -> Answer:
        """Change as a client."""
        return await call(self.app, "POST", path, headers=self.issuer.headers(by), body=json.dumps(body).encode())

    async def team(self, code: str = "T-1", by: str = "dong-thap", **values: Any) -> dict[str, Any]:
        """Found a team in phường Sa Đéc, and give it."""
        answer = await self.post("/v1/teams", team_body(code=code, **values), by)
        assert answer.status == 200, answer.json
        team: dict[str, Any] = answer.json["team"]
        return team

    async def member(self, team_id: str, by: str = "dong-thap", **values: Any) -> dict[str, Any]:
        """Take somebody into a team, and give the member."""
        answer = await self.post("/v1/members", member_body(team_id, **values), by)
        assert answer.status == 200, answer.json
        member: dict[str, Any] = answer.json["member"]
        return member


def team_body(**values: Any) -> dict[str, Any]:
    """Give the body that founds a team."""
    return {
        "id": new_id(),
        "code": "T-1",
        "name": "Tổ công nghệ số cộng đồng phường Sa Đéc",
        "type": "community_digital_team",
        "level": "commune",
        "unit": "29905",
        "established_on": "2025-08-01",
        **values,
    }


def member_body(team_id: str, **values: Any) -> dict[str, Any]:
    """Give the body that takes somebody into a team."""
    person = {"name": "Trần Thị Mẫu Đơn", "phone": "0912 345 678", "birth_year": 1990, "code": "TV-1"}
    person |= values.pop("person", {})
    person = {name: value for name, value in person.items() if value is not None}
    return {"id": new_id(), "team_id": team_id, "joined_on": "2025-08-01", "person": person, **values}
