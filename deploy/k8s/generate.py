"""What manifests say of the code is made of the code: topics, who may use them, Prometheus' rules and alerts."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from libs.contracts.topics import TOPICS

__all__ = ["CLUSTER", "SERVICES", "files", "write"]

ROOT = Path(__file__).parents[2]
BASE = Path(__file__).with_name("base")
PROMETHEUS = ROOT / "deploy" / "prometheus"
CLUSTER = "kafka"
SERVICES = ("registry", "visits", "metrics", "gateway")
HEAD = "# Made by `python -m deploy.k8s generate`; a test fails where it is stale.\n"
Object = dict[str, Any]


class _Dumper(yaml.SafeDumper):
    """Indents lists, writes texts of several lines as such."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def _strimzi(kind: str, name: str, spec: Object) -> Object:
    metadata = {"name": name, "labels": {"strimzi.io/cluster": CLUSTER}}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def topics() -> Iterator[Object]:
    """Give each topic with its partitions and settings; overlays say how many copies."""
    for topic in TOPICS:
        yield _strimzi(
            "KafkaTopic", topic.name, {"partitions": topic.partitions, "replicas": 1, "config": topic.config()}
        )


def users() -> Iterator[Object]:
    """Give each service a certificate and the rights that relays and consumers need, and no other."""
    for service in SERVICES:
        acls: list[Object] = []
        for topic in TOPICS:
            operations = ["Describe"]
            operations += ["Write"] * (topic.owner == service) + ["Read"] * (service in topic.readers)
            if len(operations) > 1:
                acls.append(_allowed("topic", topic.name, operations))
        if any(topic.owner == service for topic in TOPICS):
            acls.append(_allowed("transactionalId", f"relay {service}", ["Describe", "Write"]))
        spec = {"authentication": {"type": "tls"}, "authorization": {"type": "simple", "acls": acls}}
        yield _strimzi("KafkaUser", f"{CLUSTER}-{service}", spec)


def _allowed(kind: str, name: str, operations: list[str]) -> Object:
    return {"resource": {"type": kind, "name": name, "patternType": "literal"}, "operations": operations}


def rules() -> Iterator[Object]:
    """Give Prometheus' rules and alerts, an object for each file."""
    for folder in ("rules", "alerts"):
        for file in sorted((PROMETHEUS / folder).glob("*.yml")):
            groups = yaml.safe_load(file.read_text(encoding="utf-8"))
            metadata = {"name": f"tungnha-{folder}-{file.stem}"}
            yield {
                "apiVersion": "monitoring.coreos.com/v1",
                "kind": "PrometheusRule",
                "metadata": metadata,
                "spec": groups,
            }


def files() -> Mapping[Path, str]:
    """Give every file that is made, with what is to be in it."""
    made = {
        BASE / "kafka" / "topics.yaml": topics(),
        BASE / "kafka" / "users.yaml": users(),
        BASE / "monitoring" / "rules.yaml": rules(),
    }
    return {file: HEAD + _dump(objects) for file, objects in made.items()}


def _dump(objects: Iterator[Object]) -> str:
    text: str = yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def write() -> None:
    """Write them."""
    for file, text in files().items():
        file.write_text(text, encoding="utf-8")
