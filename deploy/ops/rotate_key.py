"""`rotate-key`: another key for people's pseudonyms, or for members' details; each step may be run again."""

import asyncio
import os
import secrets
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.ops.command import Commands, Progress, Refused, declare
from deploy.ops.databases import open_database, reading
from deploy.ops.settings import Databases, read
from services.metrics.settings import CommandSettings as MetricsSettings
from services.metrics.store.lifting import read_level
from services.metrics.wiring import lift_people
from services.registry.settings import CommandSettings as RegistrySettings
from services.registry.use_cases import clients
from services.registry.wiring import reseal_all
from services.visits.store import count_behind
from services.visits.wiring import lift_log

__all__ = ["add"]

MORE = """\
Without a step it says how far the rotation is, and what comes next. The steps, in this order:

  --add-key       put a new key at the end of both files (VISITS_PSEUDONYM_KEYS_FILE has all keys,
                  METRICS_LIFT_KEYS_FILE all but the first); then restart the metrics consumer:
                  on one machine python -m deploy.local restart metrics-consumer
  --lift-metrics  lift the people that metrics knows; folds wait, queries do not; then restart visits api:
                  on one machine python -m deploy.local restart visits-api
  --lift-visits   lift what the log of visits holds and send all of it again

Nobody is counted twice or lost, in whichever state it is left.

With --members it is the key that seals members' names and phones: --members --add-key puts a new one at the end of
REGISTRY_SEALING_KEYS_FILE; restart registry api; then --members seals everything anew. docs/runbooks/rotate-key.md"""


class PseudonymKeys(Databases):
    """The databases, and the two files of one chain."""

    chain_file: Path = Field(validation_alias="VISITS_PSEUDONYM_KEYS_FILE")
    lift_file: Path = Field(validation_alias="METRICS_LIFT_KEYS_FILE")


class SealingKeys(BaseSettings):
    """What `members rotate-keys` of the registry needs."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    registry_url: str = Field(validation_alias="DATABASE_URL_REGISTRY")
    sealing_file: Path = Field(validation_alias="REGISTRY_SEALING_KEYS_FILE")


@dataclass(frozen=True)
class Standing:
    """How far a rotation is: levels, the first being 1, and rows."""

    chain: int
    lifting: int
    metrics: int
    behind: int

    @property
    def next(self) -> str:
        """Say what is to be done."""
        if self.metrics < self.lifting:
            return (
                "--lift-metrics, sau khi khởi động lại metrics consumer · after the metrics consumer was restarted"
                + _restart("metrics-consumer")
            )
        if self.behind:
            return "--lift-visits, sau khi khởi động lại visits api · after visits api was restarted" + _restart(
                "visits-api"
            )
        return "xong; chỉ --add-key khi cần khóa mới · done; --add-key only when a new key is wanted"


def _restart(process: str) -> str:
    return f"\n  một máy · on one machine: .venv/bin/python -m deploy.local restart {process}"


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = declare(
        commands,
        "rotate-key",
        _run,
        vi="đổi khóa giả danh (số người không đổi), hoặc khóa niêm phong thành viên",
        en="another key for pseudonyms (every count stays), or for sealing members",
        more=MORE,
        examples=(
            "rotate-key",
            "rotate-key --add-key",
            "rotate-key --lift-metrics",
            "rotate-key --lift-visits",
            "rotate-key --members --add-key",
            "rotate-key --members",
        ),
    )
    parser.add_argument(
        "--members", action="store_true", help="khóa niêm phong thành viên · the key that seals members"
    )
    step = parser.add_mutually_exclusive_group()
    step.add_argument("--add-key", action="store_true", help="thêm khóa mới vào hai tệp · add a key to both files")
    step.add_argument("--lift-metrics", action="store_true", help="nâng người trong metrics · lift metrics' people")
    step.add_argument("--lift-visits", action="store_true", help="nâng sổ của visits · lift the log of visits")


def _run(asked: Namespace) -> int:
    if asked.members:
        return _members(asked)
    settings = read(PseudonymKeys)
    finished = asked.add_key and _finish_adding(settings)
    _check(settings)
    if asked.add_key and not finished:
        _add_key(settings)
    elif asked.lift_metrics:
        _lift_metrics(settings)
    elif asked.lift_visits:
        _lift_visits(settings)
    _tell(asyncio.run(_standing(settings)))
    return 0


def _members(asked: Namespace) -> int:
    if asked.lift_metrics or asked.lift_visits:
        raise Refused("thành viên không có bước nâng", "members know no lifting: --add-key, or no step")
    settings = read(SealingKeys)
    if asked.add_key:
        _append(settings.sealing_file, secrets.token_hex(32))
        told = "việc tiếp theo · next: rotate-key --members, sau khi khởi động lại registry api · after its restart"
        print(told + _restart("registry-api"))
        return 0
    _keys(settings.sealing_file)  # So that a file that cannot be read is told as for every step.
    try:
        asyncio.run(_seal_anew(settings))
    except clients.Refused as error:
        raise Refused(error.vi, error.en) from error
    return 0


async def _seal_anew(settings: SealingKeys) -> None:
    def tell(sealed: int, left: int) -> None:
        print(f"đã niêm phong lại {sealed:,}, còn {left:,} · {sealed:,} sealed anew, {left:,} left", flush=True)

    known = RegistrySettings(database_url=settings.registry_url, sealing_keys_file=settings.sealing_file)
    async with open_database(settings.registry_url, command="rotate-key", seconds=60) as engine:
        done = await reseal_all(engine, known, tell)
    print(f"xong, đã niêm phong lại {done:,} · done: {done:,} sealed anew")


def _keys(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except OSError as error:
        raise Refused(f"không đọc được {path}: {error.strerror}", f"{path} cannot be read: {error.strerror}") from error


def _check(settings: PseudonymKeys) -> None:
    """Refuse two files that are not of one chain: whoever comes back would be counted as somebody new."""
    if _keys(settings.chain_file)[1:] != _keys(settings.lift_file):
        raise Refused(
            f"{settings.lift_file} phải có đúng các khóa của {settings.chain_file} trừ khóa đầu",
            f"{settings.lift_file} must hold just the keys of {settings.chain_file} but the first",
        )


def _finish_adding(settings: PseudonymKeys) -> bool:
    """Put into the second file what an addition that was cut off has left in the first alone; says whether it was."""
    chain, lifting = _keys(settings.chain_file), _keys(settings.lift_file)
    if not lifting or lifting[:-1] != chain[1:]:
        return False
    _append(settings.chain_file, lifting[-1])
    return True


def _add_key(settings: PseudonymKeys) -> None:
    standing = asyncio.run(_standing(settings))
    if standing.metrics < standing.lifting or standing.behind:
        raise Refused("lần đổi khóa trước chưa xong", "the rotation before this one is not finished")
    key = secrets.token_hex(32)
    # Metrics first: a key that only visits has would let it tell of people whom metrics could not find.
    for path in (settings.lift_file, settings.chain_file):
        _append(path, key)


def _append(path: Path, key: str) -> None:
    """Write the file anew beside itself, and take its place: a crash leaves the old one or the new one."""
    beside = path.with_name(f"{path.name}.new")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write("".join(f"{each}\n" for each in (*_keys(path), key)))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _lift_metrics(settings: PseudonymKeys) -> None:
    progress = Progress("nâng người · lifting people")
    known = MetricsSettings(database_url=settings.metrics_url, lift_keys_file=settings.lift_file)
    lifted = asyncio.run(lift_people(known, progress.at))
    progress.end()
    print(f"{lifted:,} người và hộ đã nâng · people and households lifted")


def _lift_visits(settings: PseudonymKeys) -> None:
    standing = asyncio.run(_standing(settings))
    if standing.metrics < standing.chain:
        raise Refused("metrics chưa nâng: --lift-metrics trước", "metrics is not lifted yet: --lift-metrics first")
    progress = Progress("nâng bản ghi · lifting records")
    lifted = asyncio.run(lift_log(settings.visits_url, settings.chain_file, progress.at))
    progress.end()
    print(f"{lifted:,} bản ghi đã nâng và được gửi lại · records lifted, all are sent again")


async def _standing(settings: PseudonymKeys) -> Standing:
    chain, lifting = len(_keys(settings.chain_file)), len(_keys(settings.lift_file)) + 1
    async with open_database(settings.metrics_url, command="rotate-key") as engine, reading(engine) as connection:
        metrics = await read_level(connection)
    async with (
        open_database(settings.visits_url, command="rotate-key", seconds=600) as engine,
        reading(engine) as connection,
    ):
        behind = await count_behind(connection, chain)
    return Standing(chain, lifting, metrics, behind)


def _tell(standing: Standing) -> None:
    print(f"khóa trong tệp · keys in the files: {standing.chain}")
    print(f"metrics ở bậc · metrics is at level: {standing.metrics}")
    print(f"bản ghi ở bậc cũ · records at an older level: {standing.behind:,}")
    print(f"việc tiếp theo · next: {standing.next}")
