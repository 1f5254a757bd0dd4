"""HTTP in."""

from starlette.routing import Route

from libs.common.sealing import Sealer
from services.registry.api.door import Door
from services.registry.api.map import MapApi
from services.registry.api.reading import ReadingApi
from services.registry.api.reference import ReferenceApi
from services.registry.api.tokens import TokensApi
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.tokens import Signer

__all__ = ["Door", "routes"]


def routes(door: Door, signer: Signer, keeper: Keeper, sealer: Sealer) -> list[Route]:
    """Give every route of the service."""
    apis = (TokensApi(door, signer), ReadingApi(door, keeper), MapApi(door, keeper), ReferenceApi(door, keeper))
    return [route for api in apis for route in api.routes()]
