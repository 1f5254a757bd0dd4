"""What manifests tell a process is what its settings ask for: no variable too many, none that is missing."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from sqlalchemy.engine import make_url

from libs.common.db import connector
from libs.common.process import DRAIN_SECONDS
from tests.k8s.kustomize import OVERLAYS, ROOT, render
from tests.k8s.model import Object, Pod, environment_of, pods
from tests.k8s.settings import PROCESSES, aliases, settings_of

PORTS = {
    "registry-api": "port",
    "registry-relay": "relay_port",
    "visits-api": "port",
    "visits-consumer": "consumer_port",
    "visits-relay": "relay_port",
    "metrics-api": "port",
    "metrics-consumer": "consumer_port",
    "gateway-api": "port",
    "watch": "port",
}
NEEDED_WITHOUT_SAYING = {"registry-api": {"REGISTRY_SIGNING_KEY_FILE", "REGISTRY_SEALING_KEYS_FILE"}}
"""The settings have a default, for commands do without; these processes do not."""


def _known() -> set[str]:
    return {name for settings in PROCESSES.values() for name in aliases(settings)}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_somebodys_setting(overlay: str) -> None:
    objects = render(overlay)
    for pod in pods(objects):
        for container in pod.containers:
            own = {variable["name"] for variable in container.get("env", [])}
            assert own <= set(aliases(settings_of(pod, container))) | {"KAFKA_MAKE_TOPICS"}, pod
            assert set(environment_of(objects, container)) <= _known(), pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_setting_without_a_default_is_set_for_whoever_needs_it(overlay: str) -> None:
    objects = render(overlay)
    for pod in pods(objects):
        for container in pod.containers:
            needed = {name for name, required in aliases(settings_of(pod, container)).items() if required}
            if container is pod.main:
                needed |= NEEDED_WITHOUT_SAYING.get(pod.owner, set())
            assert needed <= set(environment_of(objects, container)), pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_value_is_one_that_the_setting_takes(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = render(overlay)
    # Files are where they are mounted, not here; that they are mounted is another test's.
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    monkeypatch.setattr(Path, "exists", lambda _: True)
    for pod in pods(objects):
        for container in pod.containers:
            settings = settings_of(pod, container)
            values = environment_of(objects, container)
            settings.model_validate({name: values[name] for name in aliases(settings) if name in values})


def _mounted(pod: Pod, container: Object) -> set[str]:
    """Give the path of every file that a container sees from its volumes."""
    volumes = {each["name"]: each for each in pod.spec["volumes"]}
    found = set()
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        sources = [each["secret"] for each in volume.get("projected", {}).get("sources", [])]
        sources += [volume["secret"]] if "secret" in volume else []
        found |= {f"{mount['mountPath']}/{item['path']}" for source in sources for item in source["items"]}
    return found


def _named_files(values: Mapping[str, str]) -> set[str]:
    found = set()
    for name, value in values.items():
        if name.startswith("DATABASE_URL_"):
            query = make_url(value).query
            assert query["sslmode"] == "verify-full"
            found |= {str(query["sslrootcert"]), str(query["password_file"])}
        elif value.startswith("/"):
            found.add(value)
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_file_that_a_setting_names_is_mounted_and_every_file_mounted_is_named(overlay: str) -> None:
    objects = render(overlay)
    for pod in pods(objects):
        for container in pod.containers:
            known = set(aliases(settings_of(pod, container)))
            values = {k: v for k, v in environment_of(objects, container).items() if k in known}
            assert _named_files(values) == _mounted(pod, container), (str(pod), container["name"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_is_a_variable(overlay: str) -> None:
    objects = render(overlay)
    for pod in pods(objects):
        for container in pod.containers:
            assert "secretKeyRef" not in str(container), pod
            for name, value in environment_of(objects, container).items():
                if name.startswith("DATABASE_URL_"):
                    assert make_url(value).password is None, pod
                    connector(value)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_process_there_is_has_a_deployment_with_its_command_and_its_port(overlay: str) -> None:
    objects = render(overlay)
    found = {pod.owner: pod for pod in pods(objects, "Deployment")}
    assert set(found) == set(PORTS)
    for name, pod in found.items():
        service, _, process = name.partition("-")
        words = ["services." + service, process] if process else ["deploy.ops", service]
        assert pod.main["args"] == words
        default = PROCESSES[service].model_fields[PORTS[name]].default
        assert pod.main["ports"] == [{"name": "http", "containerPort": default}], name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_ask_what_the_code_answers_and_live_is_not_ready(overlay: str) -> None:
    for pod in pods(render(overlay), "Deployment"):
        asked = {probe: pod.main[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
        live, ready = ({"path": f"/health/{which}", "port": "http"} for which in ("live", "ready"))
        assert asked == {"startupProbe": live, "livenessProbe": live, "readinessProbe": ready}, pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_has_time_to_finish_what_it_has_in_hand(overlay: str) -> None:
    closing = 15  # Kafka's clients may take 5 s each to be given up.
    for pod in pods(render(overlay), "Deployment"):
        first = pod.main["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert TypeAdapter(int).validate_python(first) >= 5
        assert pod.spec["terminationGracePeriodSeconds"] >= first + DRAIN_SECONDS + closing, pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_processes_with_a_database_wait_for_their_schema(overlay: str) -> None:
    for pod in pods(render(overlay), "Deployment"):
        database = pod.labels.get("tungnha/database")
        waits = [each["args"] for each in pod.spec.get("initContainers", [])]
        expected = [] if database in (None, "all") else [[f"services.{database}", "await-migration"]]
        assert waits == expected, pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_containers_are_what_the_image_is_made_for(overlay: str) -> None:
    image = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
    assert 'ENTRYPOINT ["python3", "-m"]' in image
    assert "USER 65532:65532" in image
    for pod in pods(render(overlay)):
        for container in pod.containers:
            assert "command" not in container, pod
            module, *words = container["args"]
            assert (ROOT / module.replace(".", "/") / "__main__.py").is_file(), pod
            for file in (ROOT / word for word in words if "/" in word):
                assert file.is_file(), pod
