"""Settings that every service has; each service adds its own and its prefix."""

from typing import Self

from pydantic import Field, FilePath, model_validator
from pydantic_settings import SettingsConfigDict

from libs.common.kafka_access import Cluster, Protocol
from libs.common.tracing_settings import TracingSettings

__all__ = ["CommonSettings"]


class CommonSettings(TracingSettings):
    """Read from the environment; a missing one without a default refuses to start."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True)

    kafka_bootstrap: str = Field(validation_alias="KAFKA_BOOTSTRAP", description="host:port of a broker")
    kafka_security_protocol: Protocol = Field(default="PLAINTEXT", validation_alias="KAFKA_SECURITY_PROTOCOL")
    kafka_ssl_cafile: FilePath | None = Field(
        default=None,
        validation_alias="KAFKA_SSL_CAFILE",
        description="Certificates (PEM) that brokers must be vouched for by; default: those the machine trusts",
    )
    kafka_ssl_certfile: FilePath | None = Field(
        default=None, validation_alias="KAFKA_SSL_CERTFILE", description="The service's own certificate (PEM)"
    )
    kafka_ssl_keyfile: FilePath | None = Field(
        default=None, validation_alias="KAFKA_SSL_KEYFILE", description="The key of that certificate (PEM)"
    )
    kafka_sasl_username: str | None = Field(
        default=None, validation_alias="KAFKA_SASL_USERNAME", description="Of SASL_SSL, by SCRAM-SHA-512"
    )
    kafka_sasl_password_file: FilePath | None = Field(default=None, validation_alias="KAFKA_SASL_PASSWORD_FILE")
    kafka_replication: int = Field(default=1, ge=1, validation_alias="KAFKA_REPLICATION")
    kafka_make_topics: bool = Field(
        default=True,
        validation_alias="KAFKA_MAKE_TOPICS",
        description="Relays make the topics that are missing; false: somebody else does, relays wait for them",
    )
    token_issuer: str = Field(default="tungnha", validation_alias="TOKEN_ISSUER")
    log_level: str = Field(default="info", validation_alias="LOG_LEVEL")
    host: str = Field(default="127.0.0.1", validation_alias="HOST", description="Address to listen on")

    @property
    def kafka(self) -> Cluster:
        """Where Kafka is, and how it is spoken to."""
        return Cluster(
            self.kafka_bootstrap,
            self.kafka_security_protocol,
            self.kafka_ssl_cafile,
            self.kafka_ssl_certfile,
            self.kafka_ssl_keyfile,
            self.kafka_sasl_username,
            self.kafka_sasl_password_file,
        )

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if contradiction := self.kafka.contradiction():
            raise ValueError(contradiction)
        return self
