"""OpenTelemetry's standard variables, those that are heeded."""

from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["TracingSettings"]

SamplerName = Literal[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
]


class TracingSettings(BaseSettings):
    """OpenTelemetry's own variables, as far as they are heeded; an empty one is as good as none.

    Nothing is traced unless an exporter or an endpoint is named. The share of requests is chosen by the gateway alone:
    the processes behind it follow its choice, unless they are told `always_off`.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True)

    otel_disabled: bool = Field(default=False, validation_alias="OTEL_SDK_DISABLED", description="Traces nothing")
    otel_exporter: Literal["otlp", "none"] | None = Field(
        default=None, validation_alias="OTEL_TRACES_EXPORTER", description="Default: otlp where an endpoint is set"
    )
    otel_endpoint: HttpUrl | None = Field(
        default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT", description="The collector; /v1/traces is added"
    )
    otel_traces_endpoint: HttpUrl | None = Field(
        default=None, validation_alias="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", description="The same, used as it is"
    )
    otel_protocol: Literal["http/protobuf"] = Field(
        default="http/protobuf", validation_alias="OTEL_EXPORTER_OTLP_PROTOCOL", description="No other one is spoken"
    )
    otel_headers: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="OTEL_EXPORTER_OTLP_HEADERS",
        description="name=value,… for the collector",
    )
    otel_certificate: Path | None = Field(
        default=None,
        validation_alias="OTEL_EXPORTER_OTLP_CERTIFICATE",
        description="PEM that its certificate is checked by",
    )
    otel_client_key: Path | None = Field(
        default=None, validation_alias="OTEL_EXPORTER_OTLP_CLIENT_KEY", description="PEM, for mTLS"
    )
    otel_client_certificate: Path | None = Field(
        default=None, validation_alias="OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", description="PEM, for mTLS"
    )
    otel_compression: Literal["gzip", "none"] = Field(default="none", validation_alias="OTEL_EXPORTER_OTLP_COMPRESSION")
    otel_sampler: SamplerName = Field(default="parentbased_traceidratio", validation_alias="OTEL_TRACES_SAMPLER")
    otel_ratio: float = Field(
        default=0.01, ge=0, le=1, validation_alias="OTEL_TRACES_SAMPLER_ARG", description="Share of requests traced"
    )
    otel_service_name: str = Field(
        default="", validation_alias="OTEL_SERVICE_NAME", description="Default: tungnha- and the service"
    )
    otel_resource_attributes: str = Field(
        default="", validation_alias="OTEL_RESOURCE_ATTRIBUTES", description="name=value,… told of the process"
    )
    otel_links: int = Field(
        default=128, ge=1, le=1024, validation_alias="OTEL_SPAN_LINK_COUNT_LIMIT", description="Of a batch, at most"
    )
    otel_queue_spans: int = Field(default=2048, ge=1, validation_alias="OTEL_BSP_MAX_QUEUE_SIZE")
    otel_batch_spans: int = Field(default=512, ge=1, validation_alias="OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
    otel_delay_milliseconds: int = Field(default=5000, ge=1, validation_alias="OTEL_BSP_SCHEDULE_DELAY")

    @property
    def traced(self) -> bool:
        """Say whether anything is traced and exported."""
        named = self.otel_exporter or ("otlp" if self.otel_endpoint or self.otel_traces_endpoint else "none")
        return named == "otlp" and not self.otel_disabled and self.otel_sampler != "always_off"

    @property
    def head_ratio(self) -> float:
        """The share of requests that whoever chooses them chooses."""
        match self.otel_sampler.removeprefix("parentbased_"):
            case "always_on":
                return 1.0
            case "always_off":
                return 0.0
        return self.otel_ratio

    @property
    def traces_url(self) -> str:
        """Where spans are sent."""
        if self.otel_traces_endpoint is not None:
            return str(self.otel_traces_endpoint)
        return f"{str(self.otel_endpoint or 'http://localhost:4318').rstrip('/')}/v1/traces"
