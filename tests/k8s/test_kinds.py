"""Every object of every overlay, as the real kustomize makes it, is what the API server and the operators take."""

import copy
import json
from collections.abc import Callable

import jsonschema
import kubernetes_validate
import pytest

from deploy.k8s import generate
from tests.k8s.crd import KUBERNETES, UnknownKind, check
from tests.k8s.kustomize import K8S, OVERLAYS, ROOT, render, render_text
from tests.k8s.model import Object, find, named
from tests.k8s.vendor import MODULES, SCHEMAS, STRIMZI

INVALID = (jsonschema.ValidationError, kubernetes_validate.ValidationError)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str) -> None:
    objects = render(overlay)
    assert len(objects) > 50
    for each in objects:
        check(each)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_two_objects_are_the_same_and_all_lie_in_the_namespace(overlay: str) -> None:
    objects = render(overlay)
    places = [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(places) == len(set(places))
    homeless = {each["kind"] for each in objects if each["metadata"].get("namespace") != "tungnha"}
    assert homeless == {"Namespace"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_object_is_too_large_to_be_applied(overlay: str) -> None:
    """What `kubectl apply` notes of an object is an annotation, of which all together are at most 256 KiB."""
    for each in find(render(overlay), "ConfigMap"):
        assert len(str(each)) < 200_000, each["metadata"]["name"]


def _spell(item: Object) -> None:
    item["spec"]["replicaz"] = 2


def _deep(item: Object) -> None:
    item["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["httpGet"]["pth"] = "/"


def _listener(item: Object) -> None:
    item["spec"]["kafka"]["listeners"][0]["tsl"] = True


def _authentication(item: Object) -> None:
    item["spec"]["kafka"]["listeners"][0]["authentication"] = {"type": "oauth"}


def _synchronous(item: Object) -> None:
    item["spec"]["postgresql"]["synchronous"] = {"method": "some", "number": 1}


def _operation(item: Object) -> None:
    item["spec"]["authorization"]["acls"][0] = {"resource": {"type": "topic", "name": "a"}, "operation": "Read"}


def _weight(item: Object) -> None:
    item["spec"]["rules"][0]["backendRefs"][0]["port"] = "http"


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("Deployment", _spell),
        ("Deployment", _deep),
        ("KafkaTopic", _spell),
        ("Kafka", _listener),
        ("Kafka", _authentication),
        ("KafkaUser", _operation),
        ("Cluster", _synchronous),
        ("Cluster", _spell),
        ("HTTPRoute", _weight),
        ("PodMonitor", _spell),
        ("Certificate", _spell),
        ("PrometheusRule", _spell),
        ("NetworkPolicy", _spell),
    ],
)
def test_a_field_that_nobody_knows_or_a_value_that_cannot_be_is_found(
    kind: str, spoil: Callable[[Object], None]
) -> None:
    good = next(each for each in find(render("dev"), kind) if kind != "HTTPRoute" or "backendRefs" in str(each))
    check(good)
    bad = copy.deepcopy(good)
    spoil(bad)
    with pytest.raises(INVALID):
        check(bad)


def test_an_object_of_a_version_that_the_operator_no_longer_serves_is_found() -> None:
    old = {**next(find(render("dev"), "Kafka")), "apiVersion": "kafka.strimzi.io/v1beta2"}
    with pytest.raises(UnknownKind):
        check(old)


def test_what_follows_from_the_code_is_as_the_code_says_now() -> None:
    stale = [str(file) for file, text in generate.files().items() if file.read_text(encoding="utf-8") != text]
    assert not stale, f"{stale}: run python -m deploy.k8s generate"


def test_every_file_of_the_base_and_the_overlays_is_used() -> None:
    kustomizations = [*K8S.rglob("kustomization.yaml"), ROOT / "deploy/grafana/kustomization.yaml"]
    told = "".join(file.read_text() for file in kustomizations)
    unused = [
        str(file.relative_to(K8S))
        for file in K8S.rglob("*")
        if file.suffix in (".yaml", ".env") and file.name != "kustomization.yaml" and file.name not in told
    ]
    assert not unused
    dashboards = {file.name for file in (ROOT / "deploy/grafana/dashboards").glob("*.json")}
    assert all(f"dashboards/{name}" in told for name in dashboards)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_new_version_has_migrations_of_its_own(overlay: str) -> None:
    """A Job cannot be changed: were its name the same, a new image could not be applied."""
    objects = render(overlay)
    image = named(objects, "Deployment", "gateway-api")["spec"]["template"]["spec"]["containers"][0]["image"]
    tag = image.rsplit(":", 1)[1]
    names = {job["metadata"]["name"] for job in find(objects, "Job")}
    assert names == {f"{service}-migrate.{tag}" for service in ("registry", "visits", "metrics")}
    images = {c["image"] for each in objects if each["kind"] in ("Deployment", "Job") for c in _containers(each)}
    assert images == {image}


def _containers(item: Object) -> list[Object]:
    spec = item["spec"]["template"]["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def test_kustomize_itself_refuses_what_cannot_be_merged(tmp_path: object) -> None:
    with pytest.raises(RuntimeError, match="kustomization"):
        render_text(K8S / "base" / "processes")


def test_the_page_names_the_versions_whose_schemas_are_kept() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    kept = {json.loads(file.read_text())["source"] for file in SCHEMAS.glob("*.json")}
    assert kept == {*MODULES, STRIMZI[1]}
    table = page[page.index("| | version written for") : page.index("Each is installed")]
    for source in kept:
        version = source.replace("@v", ":").rsplit(":", 1)[1]
        assert version in table, source
        assert version in (SCHEMAS / "README.md").read_text(), source
    assert f"| Kubernetes | {KUBERNETES}" in table
