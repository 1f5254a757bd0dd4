"""HTTP in: parse, one use case in one transaction, answer."""

from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from services.visits.api.changing import correct, void
from services.visits.api.kinds import PARTNER_REPORTS, VISITS, RecordKind
from services.visits.api.reading import one, own_records, receipts
from services.visits.api.recording import batch, bulk
from services.visits.api.resolving import held, resolve
from services.visits.api.resources import Resources

__all__ = ["Resources", "routes"]


def routes(resources: Resources) -> Sequence[BaseRoute]:
    """Give the routes of both kinds of record, and of what is the same for both."""

    async def resolve_record(request: Request) -> Response:
        return await resolve(request, resources)

    async def list_held_records(request: Request) -> Response:
        return await held(request, resources)

    of_both = [
        Route("/v1/records/held", list_held_records, methods=["GET"]),
        Route("/v1/records/{id:uuid}:resolve", resolve_record, methods=["POST"]),
    ]
    return [*(route for kind in (VISITS, PARTNER_REPORTS) for route in _of(kind, resources)), *of_both]


def _of(kind: RecordKind, resources: Resources) -> Sequence[BaseRoute]:
    def bound(name: str, endpoint: Callable[..., object]) -> Callable[..., object]:
        async def handle(request: object) -> object:
            return await endpoint(request, kind, resources)  # type: ignore[misc]

        handle.__name__ = f"{name}_{kind.kind}"  # The label of the operation in /metrics.
        return handle

    at = f"/v1/{kind.path}"
    return [
        Route(f"{at}:batch", bound("batch", batch), methods=["POST"]),
        Route(f"{at}:bulk", bound("bulk", bulk), methods=["POST"]),
        Route(f"{at}/receipts", bound("receipts", receipts), methods=["GET"]),
        Route(f"{at}/{{id:uuid}}:correct", bound("correct", correct), methods=["POST"]),
        Route(f"{at}/{{id:uuid}}:void", bound("void", void), methods=["POST"]),
        Route(f"{at}/{{id:uuid}}", bound("read", one), methods=["GET"]),
        Route(at, bound("list", own_records), methods=["GET"]),
    ]
