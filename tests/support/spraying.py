"""Everything that can be sent is sent with identities in it, and everything that is written down is read."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

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

__all__ = ["Spray", "all_output", "found_in", "tables_of", "until"]

AT_ONCE = 6
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


async def all_output(system: System, collector: Collector, but_topics: Sequence[str] = ()) -> Mapping[str, str]:
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
        if topic.name not in but_topics:
            events = await read_all(system.environment["KAFKA_BOOTSTRAP"], OwnTopic(topic.name, topic.partitions))
            texts = (f"{e.key!r} {e.value.decode(errors='replace')} {dict(e.headers)}" for e in events)
            told[f"topic {topic.name}"] = "\n".join(texts)
    return told


def found_in(garden: Garden, output: Mapping[str, str]) -> list[str]:
    """Give each identity found, with where it was put in and where it was found."""
    return [f"{where}: {key} of {put}" for where, text in output.items() for key, put in garden.found_in(text).items()]
