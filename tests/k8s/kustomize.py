"""The real kustomize, built once from the module that tools/go.sum pins, and what it makes of an overlay."""

import fcntl
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

__all__ = ["GO", "K8S", "OVERLAYS", "ROOT", "environment", "render", "render_text"]

ROOT = Path(__file__).parents[2]
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("dev", "province")
TOOLS = Path(__file__).with_name("tools")
BIN = ROOT / ".local" / "cache" / "bin"
GO = str(Path(sys.executable).with_name("go"))
PACKAGE = "sigs.k8s.io/kustomize/kustomize/v5"


def environment() -> dict[str, str]:
    """Give what go is run with: the toolchain of the environment, and nothing but what go.sum knows."""
    return {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "0"}  # noqa: TID251


def _pinned() -> str:
    told = (line.split() for line in (TOOLS / "go.mod").read_text().splitlines())
    return next(words[1] for words in told if words[:1] == [PACKAGE])


@cache
def kustomize() -> Path:
    """Give the program, built where that has not been done yet: a minute, and the network, once."""
    BIN.mkdir(parents=True, exist_ok=True)
    program = BIN / f"kustomize-{_pinned()}"
    with (BIN / "kustomize.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            sys.stderr.write(f"building kustomize {_pinned()} from its module; a minute, only once\n")
            made = program.with_suffix(".new")
            words = [GO, "build", "-trimpath", "-mod=readonly", "-o", str(made), PACKAGE]
            built = subprocess.run(words, cwd=TOOLS, env=environment(), capture_output=True, text=True)
            if built.returncode:
                raise RuntimeError(f"kustomize could not be built: {built.stderr}")
            made.replace(program)
    return program


def render_text(folder: Path) -> str:
    """Give what `kubectl apply -k` would apply; raises RuntimeError with what kustomize says."""
    answer = subprocess.run([kustomize(), "build", str(folder)], capture_output=True, text=True)
    if answer.returncode or answer.stderr:
        raise RuntimeError(f"kustomize build {folder}: {answer.stderr}")
    return answer.stdout


@cache
def render(overlay: str) -> tuple[dict[str, Any], ...]:
    """Give the objects of an overlay, which nobody changes."""
    return tuple(yaml.load_all(render_text(K8S / "overlays" / overlay), Loader=yaml.CSafeLoader))


if __name__ == "__main__":  # python -m tests.k8s.kustomize: before tests, whose time is limited
    kustomize()
