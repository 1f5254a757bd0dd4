"""Which processes the system has, and the port of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploy.local.supervisor import Service

__all__ = ["APART", "TOGETHER", "WITH_DATABASE", "Process", "ports_of", "services_of", "targets_of"]

WITH_DATABASE = ("registry", "visits", "metrics")


@dataclass(frozen=True)
class Process:
    """A process: its name, which is also Prometheus' job; the words after `python -m`; the variable of its port."""

    name: str
    words: tuple[str, ...]
    port_variable: str


def _of(service: str, process: str, port_variable: str) -> Process:
    return Process(f"{service}-{process}", (f"services.{service}", process), port_variable)


APART = (
    _of("registry", "api", "REGISTRY_PORT"),
    _of("registry", "relay", "REGISTRY_RELAY_PORT"),
    _of("visits", "api", "VISITS_PORT"),
    _of("visits", "consumer", "VISITS_CONSUMER_PORT"),
    _of("visits", "relay", "VISITS_RELAY_PORT"),
    _of("metrics", "api", "METRICS_PORT"),
    _of("metrics", "consumer", "METRICS_CONSUMER_PORT"),
    _of("gateway", "api", "GATEWAY_PORT"),
    Process("watch", ("deploy.ops", "watch"), "WATCH_PORT"),
)
"""Each process by itself, as in a deployment: the end of one is the end of one."""

TOGETHER = tuple(
    Process(name, (f"services.{name}", "all"), f"{name.upper()}_PORT") for name in (*WITH_DATABASE, "gateway")
)
"""A process for each service: half the memory, and quicker to start."""


def ports_of(processes: Sequence[Process]) -> Mapping[str, str]:
    """Give each variable of a port the name under which the port is remembered."""
    return {
        each.port_variable: each.port_variable.removesuffix("_PORT").lower().replace("_", "-") for each in processes
    }


def services_of(processes: Sequence[Process], environment: Mapping[str, str]) -> list[Service]:
    """Give what the supervisor starts."""
    return [
        Service(each.name, ["-m", *each.words], int(environment[each.port_variable]), environment) for each in processes
    ]


def targets_of(processes: Sequence[Process], environment: Mapping[str, str]) -> dict[str, str]:
    """Give where each process tells its metrics: job -> host:port."""
    return {each.name: f"127.0.0.1:{environment[each.port_variable]}" for each in processes}
