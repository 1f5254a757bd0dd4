"""Everything that can be sent is sent with identities in it, and everything that is written down is read."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp

from deploy.local.secrets import CLIENTS
from deploy.local.system import WITH_DATABASE, System
from libs.common.db import connect
from libs.contracts.operations import OPERATIONS, Operation
from libs.contracts.topics import TOPICS
from tests.support.door import Door
from tests.support.kafka import OwnTopic, read_all
from tests.support.planting import Garden
from tests.support.spans import Collector

__all__ = ["Spray", "FREE_TEXTS", "POISON", "all_output", "found_in", "speak_freely", "tables_of", "until"]

AT_ONCE = 6
POISON = "poison"  # Put into a topic by a stranger, so that is where it is.
NOBODY = "00000000-0000-4000-8000-000000000000"


async def until(condition: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Wait until a condition holds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        await asyncio.sleep(0.02)


def _client_for(operation: Operation) -> str:
    scopes = (operation.scope, *operation.or_scopes)
    return next((name for name, told in CLIENTS.items() if set(scopes) & set(told["scopes"])), "app")


@dataclass
class Spray:
    """Calls every operation in every way that is wrong, and in some that may be right."""

    door: Door
    http: aiohttp.ClientSession
    garden: Garden
    accepted: dict[str, int] = field(default_factory=dict)
    """How often each operation said yes."""
    outcomes: list[tuple[str, int]] = field(default_factory=list)

    async def all(self) -> None:
        """Call every operation."""
        room = asyncio.Semaphore(AT_ONCE)

        async def call(operation: Operation) -> None:
            async with room:
                await self._operation(operation)

        await asyncio.gather(*(call(operation) for operation in OPERATIONS))

    async def _operation(self, operation: Operation) -> None:
        name, plant = operation.operation_id, self.garden.any
        paths = [self._path(operation, NOBODY), self._path(operation, quote(plant(f"{name} path"), safe=""))]
        told = [
            f"{each.name}={quote(plant(f'{name} ?{each.name}'))}"
            for each in operation.parameters
            if each.where == "query"
        ]
        queries = ["", f"phone={quote(plant(f'{name} unknown parameter'))}", *told]
        for path in paths[: 1 if paths[0] == paths[1] else 2]:
            await self._send(operation, path, b"")
        for query in queries[1:]:
            await self._send(operation, f"{paths[0]}?{query}", b"")
        for body in self._bodies(operation):
            await self._send(operation, paths[0], body)
        odd = {"content-type": f"application/{self.garden.phone(f'{name} content type', 0)}"}
        await self._send(operation, paths[0], b"{}", **odd)
        await self._send(operation, paths[0], b"", authorization=f"Bearer {self.garden.national_id(f'{name} token')}")

    def _path(self, operation: Operation, value: str) -> str:
        path = operation.path
        for parameter in operation.parameters:
            path = path.replace(f"{{{parameter.name}}}", value)
        return path

    def _bodies(self, operation: Operation) -> list[bytes]:
        name = operation.operation_id
        person = f'"name": "{self.garden.name(f"{name} broken")}", "phone": {self.garden.phone(f"{name} broken")}'
        bodies = [f'{{"person": {{{person}'.encode()]
        if operation.request is not None:
            schema = operation.request.model_json_schema()
            for only_free in (False, True):
                made = self.garden.body(schema, f"{name} {'free' if only_free else 'any'} ", only_free=only_free)
                bodies.append(json.dumps(made, ensure_ascii=not only_free).encode())
        return bodies

    async def _send(self, operation: Operation, path: str, body: bytes, **headers: str) -> None:
        name = operation.operation_id
        trace = self.garden.national_id(f"{name} traceparent")
        whole = {
            "authorization": f"Bearer {await self.door.token(_client_for(operation))}",
            "content-type": operation.uploads[-1] if operation.uploads else operation.request_type,
            "x-request-id": self.garden.phone(f"{name} x-request-id", len(path) % 3),
            "user-agent": f"app/{self.garden.phone(f'{name} user-agent', 0)}",
            "accept-language": f"vi, {self.garden.phone(f'{name} accept-language', 0)}",
            "if-none-match": f'"{self.garden.national_id(f"{name} if-none-match")}"',
            "traceparent": f"00-{trace:0>32}-{'2' * 16}-01",
            "baggage": f"phone={self.garden.phone(f'{name} baggage', 0)}",
            **headers,
        }
        async with self.http.request(operation.method, path, data=body or None, headers=whole) as answer:
            await answer.read()
            self.outcomes.append((name, answer.status))
            if answer.status < 300:
                self.accepted[name] = self.accepted.get(name, 0) + 1


_ON = "2025-08-01"
_DUTY = {"weekday": 1, "opens": "07:30", "closes": "11:30"}
_ROSTER = {
    "id": "",
    "kind": "one_stop_office",
    "unit": "29905",
    "place": "Trung tâm",
    "valid_from": _ON,
    "duties": [_DUTY],
}
_WAVE = {"id": "", "name": "Ra quân", "unit": "29905", "first_day": "2025-09-06", "last_day": "2025-09-07"}
_MODEL = {"id": "", "kind": "digital_market", "name": "Chợ", "unit": "29905", "launched_on": "2025-10-10"}
_DECISION = {"number": "15/QĐ-UBND", "signed_on": _ON, "issuer": "UBND"}
_TEAM = {
    "id": "",
    "type": "community_digital_team",
    "level": "commune",
    "unit": "29905",
    "established_on": _ON,
    "name": "Tổ",
}
_HAMLET = {"id": "", "parent": "29905", "type": "khom", "name": "Khóm thử"}
_CLIENT = {"kind": "portal", "scopes": ["metrics:read"], "unit": "82", "name": "Cổng thử"}
_REFORM = {
    "id": "",
    "decree": "1/NQ",
    "effective_date": "2027-01-01",
    "operations": [{"rename": {"unit": "29905", "name": "Phường Sa Giang"}}],
}
_FIGURE = {"unit": "29905", "base": "population", "value": 1000, "on": "2025-01-01", "source": "Cục Thống kê"}

FREE_TEXTS: tuple[tuple[str, str, dict[str, Any], tuple[tuple[str | int, ...], ...]], ...] = (
    (
        "officer",
        "/v1/rosters",
        _ROSTER | {"contacts": [{"kind": "phone", "value": "1022", "label": "Bàn"}]},
        (("place",), ("contacts", 0, "label")),
    ),
    (
        "officer",
        "/v1/rosters",
        _ROSTER | {"contacts": [{"kind": "address", "value": "12 Lê Lợi"}]},
        (("contacts", 0, "value"),),
    ),
    ("officer", "/v1/waves", _WAVE | {"place": "Chợ"}, (("name",), ("place",))),
    ("officer", "/v1/models", _MODEL | {"place": "Chợ"}, (("name",), ("place",))),
    (
        "officer",
        "/v1/teams",
        _TEAM | {"code": "PSD-50", "establishment": _DECISION, "local_type_name": "Tổ 06"},
        (("code",), ("name",), ("local_type_name",), ("establishment", "number"), ("establishment", "issuer")),
    ),
    ("officer", "/v1/units", _HAMLET | {"short_name": "thử"}, (("name",), ("short_name",))),
    ("operator", "/v1/clients", _CLIENT | {"client_id": "thu-1"}, (("name",), ("client_id",))),
    ("operator", "/v1/reforms", _REFORM, (("decree",), ("operations", 0, "rename", "name"))),
    ("officer", "/v1/denominators", {"rows": [_FIGURE]}, (("rows", 0, "source"),)),
)
"""Bodies that are right, by who may send them and where, and the texts in them that may be anything."""


def _with(body: Any, at: tuple[str | int, ...], text: str) -> Any:
    """Give a body with another text in one place."""
    if not at:
        return text
    first, *rest = at
    if isinstance(body, list):
        return [_with(each, tuple(rest), text) if n == first else each for n, each in enumerate(body)]
    return {**body, first: _with(body[first], tuple(rest), text)}


async def speak_freely(door: Door, garden: Garden) -> list[str]:
    """Send people's numbers in free texts; gives those in which they were taken. Without them all bodies are right."""
    taken = []
    for client, path, body, texts in FREE_TEXTS:
        status, answer = await door.post(client, path, _anew(body))
        assert _is_taken(status, answer), (path, answer)
        for at in texts:
            where = f"{path} {'/'.join(map(str, at))}"
            for text in (f"gọi {garden.phone(where, 3)}", garden.phone(where, 0), f"CCCD {garden.national_id(where)}"):
                status, answer = await door.post(client, path, _with(_anew(body), at, text))
                if _is_taken(status, answer):
                    taken.append(where)
    return taken


def _anew(body: dict[str, Any]) -> dict[str, Any]:
    """Give a body with names of its own for what must not be there twice."""
    made = {"id": str(uuid4()), "code": f"T{uuid4().hex[:6]}".upper(), "client_id": f"thu-{uuid4().hex[:6]}"}
    return {**body, **{name: made[name] for name in made.keys() & body.keys()}}


def _is_taken(status: int, answer: Any) -> bool:
    """Say whether a body was taken; where each row is answered for, whether none was refused."""
    return status < 300 and not answer.get("rejected") and not answer.get("counts", {}).get("rejected")


async def tables_of(url: str) -> AsyncIterator[tuple[str, str]]:
    """Give every table with its rows as PostgreSQL prints them, bytes in hexadecimal."""
    connection = await connect(url, application_name="test dump")
    try:
        for (table,) in await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        ):
            # A dead letter is the event as it came, which holds an identity only if a stranger wrote it.
            what = "(t.topic, t.reason, t.type)" if table == "dead_letters" else "t"
            yield (
                table,
                await connection.fetchval(f"SELECT string_agg({what}::text, E'\\n') FROM \"{table}\" AS t") or "",
            )
    finally:
        await connection.close()


async def all_output(system: System, collector: Collector) -> Mapping[str, str]:
    """Give everything that the system has written down or tells, by where."""
    told: dict[str, str] = {}
    for path in sorted(system.log_dir.rglob("*.log*")):
        told[f"log {path.name}"] = path.read_text(errors="replace")
    async with aiohttp.ClientSession() as http:
        for job, place in system.targets.items():
            for form in ("text/plain", "application/openmetrics-text"):
                async with http.get(f"http://{place}/metrics", headers={"accept": form}) as answer:
                    told[f"metrics {job} {form}"] = await answer.text()
    told["spans"] = "\n".join([*map(str, collector.spans), *(raw.decode("utf-8", "replace") for raw in collector.raw)])
    for service in WITH_DATABASE:
        async for table, rows in tables_of(system.environment[f"DATABASE_URL_{service.upper()}"]):
            told[f"table {service}.{table}"] = rows
    for topic in TOPICS:
        events = await read_all(system.environment["KAFKA_BOOTSTRAP"], OwnTopic(topic.name, topic.partitions))
        texts = (f"{e.key!r} {e.value.decode(errors='replace')} {dict(e.headers)}" for e in events)
        told[f"topic {topic.name}"] = "\n".join(texts)
    return told


def found_in(garden: Garden, output: Mapping[str, str]) -> list[str]:
    """Give each identity found, with where it was put in and where it was found."""
    return [
        f"{where}: {key} of {put}"
        for where, text in output.items()
        for key, put in garden.found_in(text).items()
        if not (put.startswith(POISON) and where.startswith("topic"))
    ]
