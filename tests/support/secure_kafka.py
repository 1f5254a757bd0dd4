"""A broker as it is in production: TLS, clients by certificate or password, and nothing allowed that is not granted."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from deploy.local.kafka import SETTINGS, KafkaServer, open_kafka
from deploy.local.ports import free_port
from libs.common.kafka_access import Cluster
from tests.support.certificates import Authority
from tests.support.kafka import CACHE

__all__ = ["Right", "SecureKafka", "open_secure_kafka"]

# Last wins, so these stand behind the usual ones. Who comes in the clear is this test itself.
SECURE = """
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},\
MTLS://127.0.0.1:{mtls_port},SASL://127.0.0.1:{sasl_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},MTLS://127.0.0.1:{mtls_port},SASL://127.0.0.1:{sasl_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,MTLS:SSL,SASL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
listener.name.mtls.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
RESOURCES = {"topic": 2, "group": 3, "cluster": 4, "transactionalId": 5}
PATTERNS = {"literal": 3, "prefix": 4}
OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8, "DescribeConfigs": 10}
ALLOW = 3


class Right(NamedTuple):
    """What somebody may do with what, in the words of a KafkaUser."""

    resource: str
    name: str
    operation: str
    pattern: str = "literal"


@dataclass(frozen=True)
class SecureKafka:
    """The broker, and how each of its users reaches it."""

    server: KafkaServer
    authority: Authority
    by_certificate: Mapping[str, Cluster]
    by_password: Mapping[str, Cluster]

    async def grant(self, principal: str, rights: Sequence[Right]) -> None:
        """Allow somebody something; by certificate they are `CN=name`, by password `name`."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.server.bootstrap)
        await admin.start()
        try:
            for right in rights:
                resource, pattern = RESOURCES[right.resource], PATTERNS[right.pattern]
                operation = OPERATIONS[right.operation]
                answer = await admin._send_request(
                    CreateAclsRequest(resource, right.name, pattern, f"User:{principal}", "*", operation, ALLOW)
                )
                assert [row[0] for row in answer.creation_responses] == [0], answer
        finally:
            await admin.close()


@asynccontextmanager
async def open_secure_kafka(folder: Path, users: Sequence[str]) -> AsyncIterator[SecureKafka]:
    """Run a broker that knows some users, who may do nothing yet."""
    authority = Authority(folder / "certificates")
    broker, mtls_port, sasl_port = authority.issue("broker"), free_port(), free_port()
    settings = SETTINGS + SECURE.format(
        mtls_port=mtls_port, sasl_port=sasl_port, keystore=broker.both, truststore=authority.file
    )
    words, by_certificate, by_password = [], {}, {}
    for user in users:
        password = folder / f"{user}.password"
        password.write_text(f"secret of {user}\n")
        words.append(f"--add-scram=SCRAM-SHA-512=[name={user},password=secret of {user}]")
        own = authority.issue(user)
        by_certificate[user] = Cluster(f"127.0.0.1:{mtls_port}", "SSL", authority.file, own.certificate, own.key)
        by_password[user] = Cluster(
            f"127.0.0.1:{sasl_port}", "SASL_SSL", authority.file, username=user, password_file=password
        )
    async with open_kafka(folder / "kafka", CACHE, say=lambda _: None, settings=settings, format_words=words) as server:
        yield SecureKafka(server, authority, by_certificate, by_password)
