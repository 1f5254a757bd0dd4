"""Whoever has to reach somebody may, and nobody else may: computed from both sides' policies."""

import pytest

from services.gateway.api import page_routes
from tests.k8s.flows import HERE, actors, allowed, needed
from tests.k8s.kustomize import OVERLAYS, ROOT, render
from tests.k8s.model import find, named, pods


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_processes_reach_what_they_are_told_of_and_nothing_else(overlay: str) -> None:
    objects = render(overlay)
    ours = {pod.owner for pod in pods(objects)}
    found = {flow for flow in allowed(objects) if flow[0] in ours or flow[1] in ours}
    assert found == set(needed(objects))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_brokers_and_databases_are_reached_by_their_own_kind_prometheus_and_processes_only(overlay: str) -> None:
    objects = render(overlay)
    ours = {pod.owner for pod in pods(objects)}
    engines = {each.name for each in actors(objects) if each.namespace == HERE} - ours
    into = {(source, target, port) for source, target, port in allowed(objects) if target in engines}
    strangers = {flow for flow in into if flow[0] not in ours | engines | {"prometheus"}} - {("door", "solver", 8089)}
    # Of the namespace of Prometheus whoever is there may ask a database for its metrics, which say nothing of people.
    assert strangers <= {(source, target, 9187) for source in ("collector", "grafana") for target in engines}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_route_leads_to_what_is_public_and_only_there(overlay: str) -> None:
    objects = render(overlay)
    (rule,) = named(objects, "HTTPRoute", "public")["spec"]["rules"]
    exposed = {(match["path"]["type"], match["path"]["value"]) for match in rule["matches"]}
    told = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    sentence = told[told.index("let the ingress expose") : told.index("only. TLS ends")]
    documented = {word.strip("`,") for word in sentence.split() if word.startswith("`/")}
    assert {path for _, path in exposed} == documented
    for own in ("/health/live", "/health/ready", "/metrics"):
        assert not any(own == path or (kind == "PathPrefix" and own.startswith(path)) for kind, path in exposed)
    pages = {route.path for route in page_routes(None, local_url="http://here") if hasattr(route, "path")}
    unreachable = {page for page in pages if not any(page.startswith(path) for _, path in exposed)}
    assert unreachable <= {"/"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_outside_nothing_is_spoken_in_the_clear(overlay: str) -> None:
    objects = render(overlay)
    gateway = named(objects, "Gateway", "public")["spec"]
    host = {listener["hostname"] for listener in gateway["listeners"]}
    assert len(host) == 1
    assert named(objects, "HTTPRoute", "public")["spec"]["parentRefs"] == [{"name": "public", "sectionName": "https"}]
    (redirect,) = named(objects, "HTTPRoute", "to-https")["spec"]["rules"]
    assert "backendRefs" not in redirect
    (certificate,) = find(objects, "Certificate")
    assert set(certificate["spec"]["dnsNames"]) == host
    https = next(each for each in gateway["listeners"] if each["protocol"] == "HTTPS")
    assert https["tls"]["certificateRefs"] == [{"name": certificate["spec"]["secretName"]}]
    issuers = {each["metadata"]["name"] for each in find(objects, "Issuer")}
    assert certificate["spec"]["issuerRef"]["name"] in issuers


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_without_any_one_of_the_policies_something_else_would_pass(overlay: str) -> None:
    """None is there for nothing, and the computation sees each."""
    objects = render(overlay)
    unseen = {"kafka-to-api-server", "kafka-to-itself"}  # Of pods that operators make, and the API server.
    before = set(allowed(objects))
    for policy in find(objects, "NetworkPolicy"):
        left = [each for each in objects if each is not policy]
        assert policy["metadata"]["name"] in unseen or set(allowed(left)) != before, policy["metadata"]["name"]
