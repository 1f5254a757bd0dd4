"""Where the processes answer, besides the databases: a port is asked where its variable is set."""

from pydantic import Field

from deploy.ops.settings import Databases

__all__ = ["StatusSettings"]

_Port = int | None


class StatusSettings(Databases):
    """The services' own variables; a process whose port is not among them is not asked."""

    host: str = Field(default="127.0.0.1", validation_alias="HOST", description="Where the processes listen")
    registry_port: _Port = Field(default=None, validation_alias="REGISTRY_PORT")
    registry_relay_port: _Port = Field(default=None, validation_alias="REGISTRY_RELAY_PORT")
    visits_port: _Port = Field(default=None, validation_alias="VISITS_PORT")
    visits_consumer_port: _Port = Field(default=None, validation_alias="VISITS_CONSUMER_PORT")
    visits_relay_port: _Port = Field(default=None, validation_alias="VISITS_RELAY_PORT")
    metrics_port: _Port = Field(default=None, validation_alias="METRICS_PORT")
    metrics_consumer_port: _Port = Field(default=None, validation_alias="METRICS_CONSUMER_PORT")
    gateway_port: _Port = Field(default=None, validation_alias="GATEWAY_PORT")
    watch_port: _Port = Field(default=None, validation_alias="WATCH_PORT")

    def processes(self) -> dict[str, str]:
        """Give the base address of each process that can be asked, by its name in Prometheus."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104  where it listens, not we
        ports = {
            "registry-api": self.registry_port,
            "registry-relay": self.registry_relay_port,
            "visits-api": self.visits_port,
            "visits-consumer": self.visits_consumer_port,
            "visits-relay": self.visits_relay_port,
            "metrics-api": self.metrics_port,
            "metrics-consumer": self.metrics_consumer_port,
            "gateway-api": self.gateway_port,
            "watch": self.watch_port,
        }
        return {name: f"http://{host}:{port}" for name, port in ports.items() if port is not None}
