"""The image and the compose file, as far as no container engine is needed: linted, and its layers' commands run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from deploy.ops.settings import Databases
from deploy.ops.watch.settings import WatchSettings
from services.gateway.settings import Settings as Gateway
from services.metrics.settings import Settings as Metrics
from services.registry.settings import Settings as Registry
from services.visits.settings import ApiSettings as Visits

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "deploy" / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yml").read_text(encoding="utf-8"))
SETTINGS: dict[str, type[BaseSettings]] = {
    "services.registry": Registry,
    "services.visits": Visits,
    "services.metrics": Metrics,
    "services.gateway": Gateway,
    "deploy.ops": WatchSettings,
}
PINNED = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "tungnha:local"}


def variables(kind: type[BaseSettings], *, needed: bool = False) -> set[str]:
    return {
        str(field.validation_alias)
        for field in kind.model_fields.values()
        if field.validation_alias and (field.is_required() or not needed)
    }


def test_the_dockerfile_is_clean_for_its_linter() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([linter, DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_image_is_named_by_its_digest() -> None:
    bases = re.findall(r"^ARG (?:BUILD|RUN)=(\S+)$", DOCKERFILE, re.MULTILINE)
    others = [service["image"] for name, service in COMPOSE["services"].items() if name not in OURS]
    assert len(bases) == 2
    for image in (*bases, *others):
        assert PINNED.fullmatch(image), image


def test_the_image_runs_as_nobody_and_compose_lets_it_write_nothing_but_its_tmp() -> None:
    assert re.search(r"^USER 65532:65532$", DOCKERFILE, re.MULTILINE)
    for name, service in OURS.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["volumes"] == ["keys:/keys" if name == "keys" else "keys:/keys:ro"], name


@pytest.mark.parametrize("name", [name for name, service in OURS.items() if "environment" in service])
def test_what_compose_sets_the_code_knows_and_what_the_code_needs_compose_sets(name: str) -> None:
    service = OURS[name]
    kinds: list[type[BaseSettings]] = [*SETTINGS.values(), Databases]
    known = {each for kind in kinds for each in variables(kind)}
    given = set(service["environment"])
    assert {each for each in given if not each.startswith("OTEL_")} <= known
    if (module := service["command"][0]) in SETTINGS:
        assert variables(SETTINGS[module], needed=True) <= given


def test_compose_runs_every_process_under_the_name_and_port_that_prometheus_scrapes() -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    for job in scraped["scrape_configs"]:
        name = job["job_name"]
        [target] = job["static_configs"][0]["targets"]
        host, port = target.split(":")
        assert host == name
        module, process = COMPOSE["services"][name]["command"]
        field = {"api": "port", "watch": "port"}.get(process, f"{process}_port")
        assert SETTINGS[module].model_fields[field].default == int(port)


def test_compose_begins_with_the_schemas_and_the_reference_data() -> None:
    for name in ("registry-api", "visits-relay", "metrics-consumer", "gateway-api", "watch"):
        assert {"prepared", "visits-schema", "metrics-schema", "kafka"} <= set(COMPOSE["services"][name]["depends_on"])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Dockerfile's commands make, in an empty folder: /packages, and /app with what it copies."""
    folder = tmp_path_factory.mktemp("image")
    packages = folder / "packages"
    # uv takes pip's options and takes a tenth of its time.
    installing = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--require-hashes"]
    installing += ["--python", sys.executable, "--only-binary", ":all:", "--target", str(packages)]
    installing += ["-r", str(ROOT / "requirements" / "service.txt")]
    subprocess.run(installing, check=True, cwd=folder)
    for sources, target in re.findall(r"^COPY (?!--from)(.+) (\S+)$", DOCKERFILE, re.MULTILINE):
        if target == "./":
            continue  # The build stage's own.
        for source in sources.split():
            to = folder / "app" / target
            to = to / Path(source).name if target.endswith("/") else to
            to.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, to)
    return folder


def run(image: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the image with nothing else in reach: neither this virtual environment nor this folder."""
    environment = {"PYTHONPATH": f"{image / 'app'}:{image / 'packages'}", "PATH": "/usr/bin:/bin", "HOST": "127.0.0.1"}
    interpreter = os.path.realpath(sys.executable)
    return subprocess.run(
        [interpreter, "-S", "-m", *arguments],
        cwd=image / "app",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("module", [*SETTINGS])
def test_every_program_of_the_image_starts_with_what_the_image_holds(image: Path, module: str) -> None:
    done = run(image, module, "--help")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_a_process_of_the_image_says_which_setting_it_lacks(image: Path) -> None:
    done = run(image, "services.visits", "api")
    assert done.returncode == 2
    assert "DATABASE_URL_VISITS" in done.stderr


def test_the_keys_of_an_installation_are_made_by_the_image_once(image: Path, tmp_path: Path) -> None:
    made = run(image, "deploy.ops", "make-keys", str(tmp_path / "keys"))
    assert made.returncode == 0, made.stderr
    before = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert set(before) == {"signing-key.pem", "sealing-keys.txt", "pseudonym-keys.txt", "lift-keys.txt"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "keys").iterdir())
    assert run(image, "deploy.ops", "make-keys", str(tmp_path / "keys")).returncode == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before
