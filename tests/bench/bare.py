"""`python -m tests.bench.bare <port>`: the least that a route can do; what the generator reaches here is its limit."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def _ready(_: Request) -> Response:
    return Response(b"{}")


async def _swallow(request: Request) -> Response:
    await request.body()
    return Response(b"{}", media_type="application/json")


if __name__ == "__main__":
    app = Starlette(routes=[Route("/health/ready", _ready), Route("/", _swallow, methods=["POST"])])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning", loop="uvloop")
