"""Loopback ports: free ones, and the same ones again on the next run."""

import json
import random
import socket
from pathlib import Path

from deploy.local.child import LocalError
from deploy.local.say import Say

# Below the ports that Linux (from 32768) and macOS (from 49152) give to outgoing connections: while a server
# restarts, no client's own socket can sit on its port.
FIRST_PORT = 20_000
LAST_PORT = 32_000
ATTEMPTS = 200


def is_free(port: int) -> bool:
    """Can a server listen on this loopback port now?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections of the previous run that linger in TIME_WAIT do not hinder a server either.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """A loopback port on which nothing listens; raises LocalError when none is found."""
    for _ in range(ATTEMPTS):
        port = random.randint(FIRST_PORT, LAST_PORT)  # noqa: S311  chance only keeps two runs apart
        if is_free(port):
            return port
    raise LocalError(f"no free loopback port between {FIRST_PORT} and {LAST_PORT}")


def given_or_free(port: int | None) -> int:
    """The port asked for, or any free one; raises LocalError if the one asked for is taken."""
    if port is not None and not is_free(port):
        raise LocalError(f"port {port} is taken by another process")
    return port or free_port()


def remembered_port(ports_file: Path, name: str, say: Say) -> int:
    """The port this name had on the last run if it is still free, else a new one, which is remembered."""
    ports = _read(ports_file)
    port = ports.get(name)
    if port is not None and is_free(port):
        return port
    new_port = free_port()
    while new_port in ports.values():
        new_port = free_port()
    if port is not None:
        say(f"{name}: cổng · port {port} đã bị chiếm, từ nay dùng · is taken, using {new_port} from now on")
    ports_file.parent.mkdir(parents=True, exist_ok=True)
    ports_file.write_text(json.dumps({**ports, name: new_port}, indent=2, sort_keys=True) + "\n")
    return new_port


def _read(ports_file: Path) -> dict[str, int]:
    try:
        ports = json.loads(ports_file.read_text())
        return {str(name): int(port) for name, port in ports.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # Missing or damaged: the ports are only a convenience.
