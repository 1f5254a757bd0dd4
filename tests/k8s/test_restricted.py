"""Every pod meets `restricted`, each of whose controls is tried, and goes further where that costs nothing."""

import copy
from collections.abc import Callable

import pytest

from tests.k8s.kustomize import OVERLAYS, render
from tests.k8s.model import Object, find, named, pods
from tests.k8s.restricted import CONTROLS, violations

USER = 65532  # deploy/docker's image runs as this user.


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_restricted(overlay: str) -> None:
    found = pods(render(overlay))
    assert len(found) == 12
    for pod in found:
        assert violations(pod.spec) == set(), pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_namespace_refuses_what_is_not(overlay: str) -> None:
    labels = named(render(overlay), "Namespace", "tungnha")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def _main(spec: Object) -> Object:
    found: Object = spec["containers"][0]
    return found


SPOILT: dict[str, Callable[[Object], object]] = {
    "host namespaces": lambda s: s.update(hostNetwork=True),
    "host process": lambda s: s["securityContext"].update(windowsOptions={"hostProcess": True}),
    "privileged containers": lambda s: _main(s)["securityContext"].update(privileged=True),
    "privilege escalation": lambda s: _main(s)["securityContext"].pop("allowPrivilegeEscalation"),
    "capabilities": lambda s: _main(s)["securityContext"].update(capabilities={"drop": ["NET_RAW"]}),
    "volume types": lambda s: s["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    "host ports": lambda s: _main(s)["ports"][0].update(hostPort=80),
    "hosts of probes and hooks": lambda s: _main(s)["livenessProbe"]["httpGet"].update(host="10.0.0.1"),
    "AppArmor": lambda s: s["securityContext"].update(appArmorProfile={"type": "Unconfined"}),
    "SELinux": lambda s: s["securityContext"].update(seLinuxOptions={"user": "root"}),
    "/proc mount type": lambda s: _main(s)["securityContext"].update(procMount="Unmasked"),
    "sysctls": lambda s: s["securityContext"].update(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "running as non-root": lambda s: s["securityContext"].pop("runAsNonRoot"),
    "running as root user": lambda s: _main(s)["securityContext"].update(runAsUser=0),
    "seccomp": lambda s: _main(s)["securityContext"].update(seccompProfile={"type": "Unconfined"}),
}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_pod_that_does_not_meet_a_control_is_found(control: str) -> None:
    spec = copy.deepcopy(named(render("dev"), "Deployment", "visits-api")["spec"]["template"]["spec"])
    SPOILT[control](spec)
    assert violations(spec) == {control}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_has_a_root_that_cannot_be_written_and_no_right_to_the_api_server(overlay: str) -> None:
    for pod in pods(render(overlay)):
        assert pod.spec["automountServiceAccountToken"] is False, pod
        # Else a service called watch would set WATCH_PORT.
        assert pod.spec["enableServiceLinks"] is False, pod
        assert pod.spec["securityContext"]["runAsUser"] == USER, pod
        for container in pod.containers:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, pod
            assert "tmp" in {mount["name"] for mount in container["volumeMounts"]}, pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_brokers_and_their_operators_are_restricted_too(overlay: str) -> None:
    """Strimzi's default says nothing of security; what it is told must be enough for the namespace."""
    kafka = named(render(overlay), "Kafka", "kafka")["spec"]
    for template, names in (
        (kafka["kafka"]["template"], ["kafkaContainer"]),
        (kafka["entityOperator"]["template"], ["topicOperatorContainer", "userOperatorContainer"]),
    ):
        containers = [{"name": name, **template[name]} for name in names]
        assert violations({**template["pod"], "containers": containers}) == set()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_says_what_it_needs_and_no_more_than_a_core(overlay: str) -> None:
    for pod in pods(render(overlay)):
        for container in pod.containers:
            resources = container["resources"]
            assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}, pod
            assert resources["limits"]["cpu"] == "1", pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_lies_in_the_tree(overlay: str) -> None:
    assert not list(find(render(overlay), "Secret"))
