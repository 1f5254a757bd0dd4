"""The composition root: the picture of clients and keys, the upstreams, the application."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from libs.common.auth import Guard
from libs.common.http import Application, build_app
from libs.common.problem import Catalogue
from libs.common.process import serve
from libs.common.replica import Replica
from libs.common.telemetry import configure_logging, new_registry
from libs.common.tracing import OFF, Tracing
from libs.common.tracing_opened import open_tracing
from libs.contracts.operations import OPERATIONS
from libs.contracts.problems import entries
from libs.contracts.registry import ClientV1, SigningKeyV1
from libs.contracts.topics import CLIENTS, type_of
from services.gateway.api import add_edges, forwarding_routes, page_routes, rehearsal_routes
from services.gateway.clients import open_upstreams
from services.gateway.settings import Settings

__all__ = ["build_api", "run_api"]


async def run_api(settings: Settings) -> None:
    """Serve until told to stop, following the clients beside it."""
    configure_logging("gateway", "api", settings.log_level)
    registry = new_registry()
    guard = Guard(issuer=settings.token_issuer)
    handlers = {type_of(ClientV1): guard.client_changed, type_of(SigningKeyV1): guard.key_changed}
    replica = Replica(settings.kafka, [CLIENTS], handlers, registry)
    async with open_tracing(settings, "gateway", "api", registry, head=True) as tracing:
        app = build_api(settings, guard=guard, known=replica.ready, registry=registry, tracing=tracing)
        await serve(app, host=settings.host, port=settings.port, loops={"replica": replica.run})


def build_api(
    settings: Settings, *, guard: Guard, known: asyncio.Event, registry: CollectorRegistry, tracing: Tracing = OFF
) -> Application:
    """Build the application; `known` is set once every client has been read. Opens nothing until it is served."""
    addresses = {
        "registry": str(settings.registry_url),
        "visits": str(settings.visits_url),
        "metrics": str(settings.metrics_url),
    }

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[Mapping[str, Any]]:
        async with open_upstreams(
            addresses, connect_seconds=settings.connect_seconds, answer_seconds=settings.answer_seconds
        ) as upstreams:
            yield {"upstreams": upstreams}

    public_url = str(settings.public_url).rstrip("/") if settings.public_url else None
    app = build_app(
        catalogue=Catalogue.of(entries()),
        routes=[
            *forwarding_routes(guard, known.is_set, settings.fresh_seconds),
            *rehearsal_routes(guard, known.is_set),
            *page_routes(public_url, local_url=f"http://127.0.0.1:{settings.port}"),
        ],
        operations=OPERATIONS,
        registry=registry,
        ready=lambda: {"clients": known.is_set()},
        lifespan=lifespan,
        tracing=tracing,
    )
    add_edges(app, settings.cors_origins)
    return app
