"""Upgrade and rollback: the version before runs on the schema of this one, and each reads what the other tells.

A new version is rolled out process by process, its migrations first; a rollback brings the old processes back and
leaves the schema. So the old code must pass its own tests on the new schema (expand first, contract later), and the
events of both must be read by both. The version before is the commit that `previous.txt` names.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PREVIOUS = (Path(__file__).parent / "previous.txt").read_text(encoding="utf-8").split()[0]
# What writes and reads every table of each service, in tests that need no Kafka.
OLD_TESTS = (
    "tests/integration/visits/test_records.py",
    "tests/integration/metrics/test_fold.py",
    "tests/integration/registry/test_members_api.py",
)
READ_EXAMPLES = """
import json, pathlib, sys
from libs.contracts.topics import EVENT_TYPES
read = 0
for file in pathlib.Path(sys.argv[1]).glob("*.json"):
    for told in json.loads(file.read_text()).values() if file.stem in EVENT_TYPES else ():
        EVENT_TYPES[file.stem].model_validate_json(json.dumps(told), extra="ignore")
        read += 1
print(read)
"""


def git(*arguments: str) -> bytes:
    program = shutil.which("git") or "git"
    return subprocess.run([program, "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version before, with the migrations of this one in the place of its own."""
    try:
        archive = git("archive", "--format=tar", PREVIOUS)
    except (OSError, subprocess.CalledProcessError):
        if (ROOT / ".git").exists() and git("rev-parse", "--is-shallow-repository").strip() == b"false":
            raise
        pytest.skip(f"NOT RUN: the history of this copy does not reach back to {PREVIOUS} (git fetch --unshallow)")
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(fileobj=io.BytesIO(archive)) as content:
        content.extractall(folder, filter="data")
    for service in ("registry", "visits", "metrics"):
        migrations = folder / "services" / service / "migrations"
        shutil.rmtree(migrations)
        shutil.copytree(ROOT / "services" / service / "migrations", migrations)
    return folder


def run(folder: Path, *arguments: str) -> str:
    """Run Python in a version's folder, so that its own code is imported."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}  # noqa: TID251
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]  # This run's own, such as the worker it is.
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.timeout(400)
def test_the_version_before_passes_its_tests_on_the_schema_of_this_one(older: Path) -> None:
    told = run(older, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={older / 'tmp'}", *OLD_TESTS)
    assert " passed" in told
    assert "skipped" not in told


def test_each_version_reads_the_events_of_the_other(older: Path) -> None:
    for reader, writer in ((older, ROOT), (ROOT, older)):
        assert int(run(reader, "-c", READ_EXAMPLES, str(writer / "libs" / "contracts" / "examples"))) > 20
