"""Whose settings a process reads."""

from collections.abc import Mapping

from pydantic_settings import BaseSettings

from deploy.ops.watch.settings import WatchSettings
from services.gateway.settings import Settings as Gateway
from services.metrics.settings import CommandSettings as MetricsCommand
from services.metrics.settings import Settings as Metrics
from services.registry.settings import CommandSettings as RegistryCommand
from services.registry.settings import Settings as Registry
from services.visits.settings import ApiSettings as VisitsApi
from services.visits.settings import CommandSettings as VisitsCommand
from services.visits.settings import Settings as Visits
from tests.k8s.model import Object, Pod

__all__ = ["PROCESSES", "aliases", "settings_of"]

PROCESSES: Mapping[str, type[BaseSettings]] = {
    "registry": Registry,
    "visits": Visits,
    "visits-api": VisitsApi,
    "metrics": Metrics,
    "gateway": Gateway,
    "watch": WatchSettings,
}
COMMANDS: Mapping[str, type[BaseSettings]] = {
    "registry": RegistryCommand,
    "visits": VisitsCommand,
    "metrics": MetricsCommand,
}


def aliases(settings: type[BaseSettings]) -> dict[str, bool]:
    """Give every variable of a class, with whether it must be set."""
    return {str(field.validation_alias): field.is_required() for field in settings.model_fields.values()}


def settings_of(pod: Pod, container: Object | None = None) -> type[BaseSettings]:
    """Give the class that a container's command reads: by default the process's own."""
    service = pod.labels["tungnha/service"]
    is_process = pod.kind == "Deployment" and container in (None, pod.main)
    return PROCESSES.get(pod.owner, PROCESSES[service]) if is_process else COMMANDS[service]
