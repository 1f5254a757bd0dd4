"""Files and functions stay small enough to be read; a service has no file but those that every service may have."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs", "services", "deploy", "tests")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 40
SERVICE_FILES = {
    "__init__",
    "__main__",
    "settings",
    "wiring",
    "api",
    "consumer",
    "use_cases",
    "events",
    "store",
    "clients",
    "domain",
    "migrations",
}
BANNED_NAMES = {"utils", "helpers", "manager", "service", "misc"}


def _sources() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", list(_sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_FILE_LINES
    assert path.stem not in BANNED_NAMES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES or path.parts[-2] == "versions", f"{node.name} has {lines} lines"


@pytest.mark.parametrize("service", ["registry", "visits", "metrics", "gateway"])
def test_a_service_has_only_the_files_that_any_service_may_have(service: str) -> None:
    found = {path.stem for path in (ROOT / "services" / service).iterdir() if path.name != "__pycache__"}
    assert found <= SERVICE_FILES


def test_importing_a_module_opens_nothing_and_starts_no_task() -> None:
    """Calls at the top of a module are declarations only: none awaits, connects or reads the environment."""
    suspects = {"connect", "create_async_engine", "create_pool", "getenv", "run", "ensure_future", "start"}
    for path in _sources():
        if path.parts[len(ROOT.parts)] not in ("libs", "services") or path.stem in ("__main__", "env"):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
                calls = [n.func for n in ast.walk(node) if isinstance(n, ast.Call)]
                names = {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in calls}
                assert not names & suspects, f"{path}: {names & suspects}"
