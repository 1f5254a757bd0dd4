"""A real Prometheus on this machine, which scrapes the running processes and knows the rules of `deploy/prometheus`."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import aiohttp

from deploy.local.child import POLL_SECONDS, Child, LocalError, start_child
from deploy.local.ports import given_or_free
from deploy.local.say import Say

RULES = Path(__file__).parents[1] / "prometheus"
READY_SECONDS = 60.0
STOP_SECONDS = 15
ANSWER_TIMEOUT_SECONDS = 2.0
SCRAPE_SECONDS = 5
OPTIONS = (
    "--enable-feature=exemplar-storage",
    "--storage.tsdb.retention.time=15d",
    "--storage.tsdb.retention.size=1GB",
)
BINARY_VARIABLE = "PROMETHEUS_BINARY"
MISSING = f"""\
Không tìm thấy Prometheus: cài bằng một trong các cách sau rồi chạy lại.
Prometheus is missing: get it in one of these ways, then run again.
  Debian, Ubuntu  sudo apt-get install --no-install-recommends prometheus
                  (gói này tự chạy một dịch vụ ở cổng 9090; không cần thì tắt / its own service on port 9090 is not
                  needed here: sudo systemctl disable --now prometheus)
  macOS           brew install prometheus
  khác / others   https://prometheus.io/download, rồi / then {BINARY_VARIABLE}=/path/to/prometheus make monitoring"""


@dataclass(frozen=True)
class PrometheusServer:
    """A Prometheus that answers, opened by `open_prometheus`."""

    port: int
    log_file: Path
    _child: Child

    @property
    def url(self) -> str:
        """Address of its pages and of its HTTP API (`/api/v1/…`)."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    async def wait(self) -> NoReturn:
        """Wait until it ends, however it ends, and raise ProcessDied."""
        await self._child.wait()


def find_prometheus() -> Path:
    """The binary named by PROMETHEUS_BINARY, else that of PATH; raises LocalError that says how to get one."""
    if given := os.environ.get(BINARY_VARIABLE):  # noqa: TID251  the machine's setting, not one of ours
        found = shutil.which(given)
        if found is None:
            raise LocalError(
                f"{BINARY_VARIABLE}={given} không phải là chương trình chạy được / is not a program that can be run"
            )
        return Path(found)
    if found := shutil.which("prometheus"):
        return Path(found)
    raise LocalError(MISSING)


def write_targets(file: Path, targets: Mapping[str, str]) -> None:
    """Write where each job (`visits-api`, …) is scraped (`host:port`), as Prometheus reads files of targets.

    The file is replaced as a whole: a Prometheus that runs reads it anew by itself.
    """
    groups = [{"targets": [address], "labels": {"job": job}} for job, address in targets.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.new")
    unfinished.write_text(json.dumps(groups, indent=1) + "\n")
    unfinished.replace(file)


@asynccontextmanager
async def open_prometheus(
    data_dir: Path,
    targets: Path | Mapping[str, str],
    say: Say = print,
    *,
    port: int | None = None,
    scrape_seconds: int = SCRAPE_SECONDS,
    rules: Path = RULES,
) -> AsyncIterator[PrometheusServer]:
    """Run a Prometheus over targets: job -> host:port, or a file of `write_targets` that it reads again as it changes.

    Series are kept in `data_dir`. The rules are `rules/*.yml` and `alerts/*.yml` of the given folder, where there are
    any. Without a port, any free one. The log is `log/prometheus.log` beside the data directory. Raises LocalError
    (ProcessDied with the last log lines where it does not start, which is also what a broken rule leads to).
    """
    binary = find_prometheus()
    data_dir = _made(data_dir)
    settings = _written(data_dir, targets, scrape_seconds, rules)
    port = given_or_free(port)
    log_file = data_dir.parent / "log" / "prometheus.log"
    command = [str(binary), f"--config.file={settings}", f"--storage.tsdb.path={data_dir / 'series'}", *OPTIONS]
    child = await start_child(
        "Prometheus",
        [*command, f"--web.listen-address=127.0.0.1:{port}"],
        log_file=log_file,
        stop_seconds=STOP_SECONDS,
        cwd=data_dir,
    )
    server = PrometheusServer(port, log_file, child)
    try:
        await _until_ready(server, child)
        say(f"Prometheus is up on port {port}")
        yield server
    finally:
        await child.stop(STOP_SECONDS)


def _made(data_dir: Path) -> Path:
    data_dir.mkdir(parents=True, exist_ok=True)
    return data_dir.absolute()


def _written(data_dir: Path, targets: Path | Mapping[str, str], scrape_seconds: int, rules: Path) -> Path:
    if not isinstance(targets, Path):
        write_targets(data_dir / "targets.json", targets)
        targets = data_dir / "targets.json"
    settings = data_dir / "prometheus.yml"
    settings.write_text(json.dumps(_settings(targets, scrape_seconds, rules), indent=1) + "\n")
    return settings


def _settings(targets: Path, scrape_seconds: int, rules: Path) -> Mapping[str, object]:
    """Give the configuration; JSON is YAML, too."""
    every = f"{scrape_seconds}s"
    found = {"files": [str(targets.absolute())], "refresh_interval": every}
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(rules.absolute() / folder / "*.yml") for folder in ("rules", "alerts")],
        # The job's own name is never seen: each target brings the label `job`.
        "scrape_configs": [{"job_name": "tungnha", "file_sd_configs": [found]}],
    }


async def _until_ready(server: PrometheusServer, child: Child) -> None:
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_SECONDS)) as http:
        while not await _ready(http, server.url):
            child.check()
            if asyncio.get_running_loop().time() > deadline:
                raise LocalError(f"Prometheus was not ready in {READY_SECONDS:.0f} s; see {server.log_file}")
            await asyncio.sleep(POLL_SECONDS)


async def _ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/-/ready") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
