"""What every answer of the public door carries: security headers, and CORS where it was asked for."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.http import Application

__all__ = ["add_edges"]

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""Set where the answer does not say otherwise; HSTS is the ingress's, which has the certificate."""


class _SecurityHeaders:
    """Adds what is missing, to problems and pages alike."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in HEADERS if pair[0] not in said)]
            await send(message)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)


def add_edges(app: Application, cors_origins: Sequence[str]) -> None:
    """Put the layers around an application; no origin listed means that no page of another site may call."""
    # A redirect to the path without its last slash would name the scheme of this hop, not the public one.
    app.router.redirect_slashes = False
    app.surround(_SecurityHeaders)
    if cors_origins:
        app.surround(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Accept-Language", "If-None-Match", "X-Request-Id"],
            expose_headers=["ETag", "Retry-After", "X-Request-Id", "RateLimit", "RateLimit-Policy", "Location"],
            max_age=600,
        )
