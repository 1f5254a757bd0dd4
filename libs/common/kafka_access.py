"""How Kafka is spoken to: in the clear on one machine, elsewhere over TLS with a certificate or a password."""

from dataclasses import dataclass
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext, TLSVersion
from typing import Any, Literal, TypeAlias

__all__ = ["Address", "Cluster", "Protocol", "client_options"]

Protocol = Literal["PLAINTEXT", "SSL", "SASL_SSL"]


@dataclass(frozen=True)
class Cluster:
    """A cluster and how to speak to it; secrets are files, read anew each time a client is opened.

    `ca_file` is whom servers must be vouched for by (default: the machine's own list). A client shows the certificate
    of `cert_file`, or says `username` and the password in `password_file` by SCRAM-SHA-512.
    """

    bootstrap: str
    protocol: Protocol = "PLAINTEXT"
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    username: str | None = None
    password_file: Path | None = None

    def contradiction(self) -> str:
        """Say what of this cannot be, empty where all can."""
        encrypted, by_password = self.protocol != "PLAINTEXT", self.protocol == "SASL_SSL"
        if not encrypted and (self.ca_file or self.cert_file or self.key_file):
            return "KAFKA_SSL_… is given, but KAFKA_SECURITY_PROTOCOL is PLAINTEXT"
        if (self.cert_file is None) != (self.key_file is None):
            return "KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE go together"
        if by_password and not (self.username and self.password_file):
            return "SASL_SSL needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD_FILE"
        if not by_password and (self.username or self.password_file):
            return f"KAFKA_SASL_… is given, but KAFKA_SECURITY_PROTOCOL is {self.protocol}"
        return ""


Address: TypeAlias = str | Cluster
"""A plain `host:port`, or a cluster with how to speak to it."""


def client_options(address: Address) -> dict[str, Any]:
    """Give what every client of aiokafka is opened with; raises OSError where a file cannot be read."""
    if isinstance(address, str):
        return {"bootstrap_servers": address}
    options: dict[str, Any] = {"bootstrap_servers": address.bootstrap, "security_protocol": address.protocol}
    if address.protocol != "PLAINTEXT":
        options["ssl_context"] = _context(address)
    if address.password_file is not None:
        options |= {
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": address.username,
            "sasl_plain_password": address.password_file.read_text().rstrip("\n"),
        }
    return options


def _context(cluster: Cluster) -> SSLContext:
    context = SSLContext(PROTOCOL_TLS_CLIENT)
    context.minimum_version = TLSVersion.TLSv1_2
    if cluster.ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cluster.ca_file)
    if cluster.cert_file is not None:
        context.load_cert_chain(cluster.cert_file, cluster.key_file)
    return context
