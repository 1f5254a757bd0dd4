"""HTTP in."""

from collections.abc import Callable

from starlette.routing import Route

from libs.common.sealing import Sealer
from services.registry.api.clients import ClientsApi
from services.registry.api.door import Door
from services.registry.api.imports import ImportsApi
from services.registry.api.map import MapApi
from services.registry.api.members import MembersApi
from services.registry.api.placed import PlacedApi
from services.registry.api.reading import ReadingApi
from services.registry.api.reference import ReferenceApi
from services.registry.api.reforms import ReformsApi
from services.registry.api.teams import TeamsApi
from services.registry.api.tokens import TokensApi
from services.registry.api.units import UnitsApi
from services.registry.api.writing import Counter
from services.registry.use_cases.atlas import Keeper
from services.registry.use_cases.safe import Safe
from services.registry.use_cases.tokens import Signer

__all__ = ["Door", "routes"]


def routes(
    door: Door, signer: Signer, keeper: Keeper, sealer: Sealer, wake: Callable[[], None] = lambda: None
) -> list[Route]:
    """Give every route of the service; `wake` tells whoever works on imports that one has come."""
    counter = Counter(door, keeper, Safe(sealer))
    apis = (
        TokensApi(door, signer),
        ReadingApi(door),
        UnitsApi(door, keeper),
        MapApi(door, keeper),
        ReformsApi(door, keeper),
        TeamsApi(counter),
        MembersApi(counter),
        PlacedApi(counter),
        ClientsApi(door, keeper),
        ReferenceApi(door, keeper),
        ImportsApi(door, keeper, sealer, wake),
    )
    return [route for api in apis for route in api.routes()]
