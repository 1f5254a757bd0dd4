"""An installation bears the loss of a machine, grows no further than its parts bear, and finds its backups again."""

from collections.abc import Mapping
from itertools import chain

import pytest

from libs.contracts.topics import RECORDS
from services.metrics.settings import Settings as Metrics
from services.visits.settings import Settings as Visits
from tests.k8s.kustomize import OVERLAYS, ROOT, render
from tests.k8s.model import Object, find, matches, named, pods
from tests.k8s.sums import sums

ONE = {"watch"}
"""What it tells is summed up, so there is one; whether it is there is an alert of its own."""
CONNECTIONS: Mapping[str, int] = {
    "registry-api": 10 + 1,  # The pool, and that of imports.
    "registry-relay": 1,
    "visits-api": Visits.model_fields["pool_size"].default,
    "visits-consumer": Visits.model_fields["pool_size"].default,
    "visits-relay": 1,
    "metrics-api": Metrics.model_fields["pool_size"].default,
    "metrics-consumer": 12,  # Folds 2, network 2, roll-ups 2, two shares, campaign, recount; two to spare.
}
OTHERS = 20 + 10  # The watch's role's limit; migrations, commands and what the operator itself asks.


def _largest(objects: tuple[Object, ...]) -> dict[str, int]:
    """Give how many of each process there are at most, one more while a new version comes."""
    found = {each["metadata"]["name"]: each["spec"].get("replicas", 1) for each in find(objects, "Deployment")}
    for scaler in find(objects, "HorizontalPodAutoscaler"):
        found[scaler["spec"]["scaleTargetRef"]["name"]] = scaler["spec"]["maxReplicas"]
    for scaled in find(objects, "ScaledObject"):
        found[scaled["spec"]["scaleTargetRef"]["name"]] = scaled["spec"]["maxReplicaCount"]
    return {name: count + (name not in ONE) for name, count in found.items()}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_processes_at_their_most_find_a_connection(overlay: str) -> None:
    objects = render(overlay)
    largest = _largest(objects)
    used: dict[str, int] = {}
    for pod in pods(objects, "Deployment"):
        database = pod.labels.get("tungnha/database", "all")
        if database != "all":
            server = f"{database}-db" if overlay == "province" else "db"
            used[server] = used.get(server, OTHERS) + largest[pod.owner] * CONNECTIONS[pod.owner]
    limits = {
        each["metadata"]["name"]: int(each["spec"]["postgresql"]["parameters"]["max_connections"])
        for each in find(objects, "Cluster")
    }
    assert set(used) == set(limits)
    assert all(used[name] <= limits[name] for name in limits), (used, limits)


def test_of_every_process_two_run_in_different_places() -> None:
    objects = render("province")
    smallest = {each["metadata"]["name"]: each["spec"].get("replicas") for each in find(objects, "Deployment")}
    scaled = [
        *(
            (s["spec"]["scaleTargetRef"]["name"], s["spec"]["minReplicas"])
            for s in find(objects, "HorizontalPodAutoscaler")
        ),
        *((s["spec"]["scaleTargetRef"]["name"], s["spec"]["minReplicaCount"]) for s in find(objects, "ScaledObject")),
    ]
    for name, least in scaled:
        assert smallest[name] is None, f"{name} would be set back with each apply"
        smallest[name] = least
    assert {name: count for name, count in smallest.items() if (count or 1) < 2} == dict.fromkeys(ONE)
    for pod in pods(objects, "Deployment"):
        (machine, zone) = pod.spec["topologySpreadConstraints"]
        assert machine["topologyKey"] == "kubernetes.io/hostname"
        assert (machine["whenUnsatisfiable"], zone["topologyKey"]) == ("DoNotSchedule", "topology.kubernetes.io/zone")
        for each in (machine, zone):
            assert matches(each["labelSelector"], pod.labels)
            assert set(each["matchLabelKeys"]) <= {*pod.labels, "pod-template-hash"}


def test_consumers_are_never_more_than_there_are_partitions() -> None:
    (scaled,) = find(render("province"), "ScaledObject")
    assert scaled["spec"]["maxReplicaCount"] == RECORDS.partitions
    assert scaled["spec"]["fallback"]["replicas"] == scaled["spec"]["minReplicaCount"] == 2
    (trigger,) = scaled["spec"]["triggers"]
    assert "log_unfolded_records" in trigger["metadata"]["query"]
    assert "`log_unfolded_records`" in (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_machine_that_is_emptied_takes_one_of_each_at_a_time(overlay: str) -> None:
    objects = render(overlay)
    budgets = list(find(objects, "PodDisruptionBudget"))
    for pod in pods(objects, "Deployment"):
        own = [each["spec"] for each in budgets if matches(each["spec"]["selector"], pod.labels)]
        assert [each["maxUnavailable"] for each in own] == [1], pod


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_new_version_never_leaves_fewer_than_there_were(overlay: str) -> None:
    for each in find(render(overlay), "Deployment"):
        rolling = each["spec"]["strategy"]["rollingUpdate"]
        one = each["metadata"]["name"] in ONE
        assert rolling == ({"maxSurge": 0, "maxUnavailable": 1} if one else {"maxSurge": 1, "maxUnavailable": 0})


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_and_monitors_find_the_pods_they_are_for(overlay: str) -> None:
    objects = render(overlay)
    deployed = pods(objects, "Deployment")
    for service in find(objects, "Service"):
        (pod,) = [each for each in deployed if matches({"matchLabels": service["spec"]["selector"]}, each.labels)]
        (port,) = service["spec"]["ports"]
        assert {"name": port["targetPort"], "containerPort": port["port"]} in pod.main["ports"]
    monitor = named(objects, "PodMonitor", "processes")["spec"]
    assert all(matches(monitor["selector"], pod.labels) for pod in deployed)
    assert monitor["podMetricsEndpoints"][0]["port"] == "http"
    # Rules and dashboards go by this name.
    assert monitor["jobLabel"] == "app.kubernetes.io/name"
    assert all(pod.labels[monitor["jobLabel"]] == pod.owner for pod in deployed)


def test_what_postgresql_has_committed_is_in_two_places_and_goes_where_it_can_be_restored_from() -> None:
    objects = render("province")
    clusters = list(find(objects, "Cluster"))
    stores = {each["metadata"]["name"] for each in find(objects, "ObjectStore")}
    backed_up = {each["spec"]["cluster"]["name"]: each["spec"] for each in find(objects, "ScheduledBackup")}
    assert (
        {each["metadata"]["name"] for each in clusters}
        == set(backed_up)
        == {
            "registry-db",
            "visits-db",
            "metrics-db",
        }
    )
    for cluster in clusters:
        spec = cluster["spec"]
        assert spec["instances"] == 3
        assert spec["postgresql"]["synchronous"] == {
            "method": "any",
            "number": 1,
            "dataDurability": "required",
            "failoverQuorum": True,
        }
        (plugin,) = spec["plugins"]
        assert plugin["isWALArchiver"] is True
        assert plugin["parameters"]["barmanObjectName"] in stores
        schedule = backed_up[cluster["metadata"]["name"]]
        assert (schedule["method"], schedule["pluginConfiguration"]["name"]) == ("plugin", plugin["name"])
        assert len(schedule["schedule"].split()) == 6


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_databases_are_as_the_code_needs_them(overlay: str) -> None:
    objects = render(overlay)
    made = {each["spec"]["name"] for each in find(objects, "Database")}
    for cluster in find(objects, "Cluster"):
        made.add(cluster["spec"]["bootstrap"]["initdb"]["database"])
        parameters = cluster["spec"]["postgresql"]["parameters"]
        # Of PostgreSQL 17; an old one would refuse it.
        assert (parameters["transaction_timeout"], parameters["idle_in_transaction_session_timeout"]) == ("60s", "30s")
        (role,) = cluster["spec"]["managed"]["roles"]
        assert (role["name"], role["inRoles"]) == ("tungnha_watch", ["pg_monitor"])
        assert role["login"] is True
        assert not set(role) & {"superuser", "createrole", "createdb", "bypassrls", "replication"}
    assert made == {"registry", "visits", "metrics"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_asked_for_is_what_was_measured(overlay: str) -> None:
    """docs/capacity.md has a row for each process: what it was seen to use, what it asks for, what it may use."""
    text = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]
    told = {row[0].strip("`"): row[1:] for row in rows if len(row) == 6}
    for pod in pods(render(overlay), "Deployment"):
        seen, cpu, request, limit, _ = told[pod.owner]
        resources = pod.main["resources"]
        assert [resources["requests"]["cpu"], resources["requests"]["memory"]] == [cpu, request], pod
        assert resources["limits"]["memory"] == limit, pod
        assert int(seen) <= int(request.removesuffix("Mi")) <= int(limit.removesuffix("Mi")) / 2 + 80, pod
    assert set(chain(told)) >= {pod.owner for pod in pods(render(overlay), "Deployment")}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_an_installation_asks_for_is_what_the_page_adds_up(overlay: str) -> None:
    text = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]
    told = {row[1]: row[2:] for row in rows if row[0] == f"`{overlay}`"}
    asked = {
        name: [f"{cpu:.2f}", f"{memory:.2f}", f"{disk:.0f}"]
        for name, (cpu, memory, disk) in sums(render(overlay)).items()
    }
    assert told == asked
