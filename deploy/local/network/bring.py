"""Brings the provinces' lists in as their officers would: a file is looked through, then committed."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.local.campaign.caller import Caller, ReplayStopped
from deploy.local.campaign.sends import Json, Role
from deploy.local.network.made import Network, members_file, teams_file
from deploy.local.say import Say

__all__ = ["Communes", "Brought", "bring", "communes_of"]

OFFICER: Final[Role] = "operator"
LIST_OF: Final = "2025-06-30"
"""The day of the code list that the files are written by: the last of the old communes."""
CSV: Final = "text/csv"
KINDS: Final = ("teams", "members")
ASKED_EVERY_SECONDS: Final = 0.25
TOLD_EVERY_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 300.0
UNDER_WAY: Final = frozenset({"queued", "planning", "committing"})

Communes = Sequence[tuple[str, str]]
"""Codes and names."""


@dataclass(slots=True)
class Brought:
    """What became of the lists."""

    rows: int = 0
    new: int = 0
    same: int = 0
    seconds: float = 0.0


async def communes_of(caller: Caller, province: str) -> Communes:
    """Give the communes that a province of the old list had, by code."""
    found: list[tuple[str, str]] = []
    cursor: Mapping[str, str] = {}
    while True:
        asked = {"within": province, "level": "commune", "valid_on": LIST_OF, "limit": "500"}
        page = await caller.get(OFFICER, "/v1/units", **asked, **cursor)
        found += [(unit["code"], unit["name"]) for unit in page["units"]]
        if page["next"] is None:
            return sorted(found)
        cursor = {"cursor": page["next"]}


async def bring(caller: Caller, network: Network, communes: Communes, say: Say) -> Brought:
    """Import a province's teams, then its members; what is there already stays as it is. Raises ReplayStopped."""
    brought, begun = Brought(), time.monotonic()
    for kind, content in zip(KINDS, (teams_file(network, communes), members_file(network, communes)), strict=True):
        path = f"/v1/imports?kind={kind}&codes_as_of={LIST_OF}"
        view = await caller.upload(OFFICER, path, content, CSV)
        view = await _until_done(caller, view, f"{network.name}: {kind}", say)
        if view["state"] == "planned" and not view["counts"]["error"]:
            view = await caller.post(OFFICER, f"/v1/imports/{view['import_id']}:commit", dict)
            view = await _until_done(caller, view, f"{network.name}: {kind}", say)
        if view["state"] != "committed":
            raise ReplayStopped(f"{network.name}: {kind}: {await _why(caller, view)}")
        brought.rows += view["rows_read"]
        brought.new += view["counts"]["create"]
        brought.same += view["counts"]["same"]
    brought.seconds = time.monotonic() - begun
    return brought


async def _until_done(caller: Caller, view: Json, what: str, say: Say) -> Json:
    told = give_up = time.monotonic()
    give_up += PATIENCE_SECONDS
    while view["state"] in UNDER_WAY:
        if time.monotonic() > give_up:
            raise ReplayStopped(f"{what}: still {view['state']} after {PATIENCE_SECONDS:.0f} s")
        if time.monotonic() - told > TOLD_EVERY_SECONDS:
            told = time.monotonic()
            say(f"{what}: {view['state']}, {view['rows_read']:,} of {view['rows_total'] or '?'} rows")
        await asyncio.sleep(ASKED_EVERY_SECONDS)
        view = await caller.get(OFFICER, f"/v1/imports/{view['import_id']}")
    return view


async def _why(caller: Caller, view: Json) -> str:
    """Say why a list was not taken: the file's own problems, or its first row in error."""
    found = view["problems"]
    if not found:
        page = await caller.get(OFFICER, f"/v1/imports/{view['import_id']}/rows", outcome="error", limit="1")
        found = [finding for row in page["rows"] for finding in row["findings"]]
    return str(found[0]["vi"] if found else view["state"])
