"""What an overlay asks of a cluster at rest: processors, memory and disks, summed up."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tests.k8s.model import Object, find

__all__ = ["Sum", "cores", "gibibytes", "sums"]

Sum = tuple[Decimal, Decimal, Decimal]
"""Cores, GiB of memory, GiB of disk."""

UNITS = {"Mi": Decimal(1) / 1024, "Gi": Decimal(1)}


def cores(told: str) -> Decimal:
    """Read an amount of processors."""
    return Decimal(told[:-1]) / 1000 if told.endswith("m") else Decimal(told)


def gibibytes(told: str) -> Decimal:
    """Read an amount of memory or disk."""
    return Decimal(told[:-2]) * UNITS[told[-2:]]


def _asked(resources: Object) -> tuple[Decimal, Decimal]:
    return cores(str(resources["requests"]["cpu"])), gibibytes(resources["requests"]["memory"])


def _processes(objects: Sequence[Object]) -> Iterator[Sum]:
    least = {each["metadata"]["name"]: each["spec"].get("replicas", 1) for each in find(objects, "Deployment")}
    for scaler in find(objects, "HorizontalPodAutoscaler"):
        least[scaler["spec"]["scaleTargetRef"]["name"]] = scaler["spec"]["minReplicas"]
    for scaled in find(objects, "ScaledObject"):
        least[scaled["spec"]["scaleTargetRef"]["name"]] = scaled["spec"]["minReplicaCount"]
    for each in find(objects, "Deployment"):
        cpu, memory = _asked(each["spec"]["template"]["spec"]["containers"][0]["resources"])
        count = least[each["metadata"]["name"]]
        yield cpu * count, memory * count, Decimal(0)


def _kafka(objects: Sequence[Object]) -> Iterator[Sum]:
    for pool in find(objects, "KafkaNodePool"):
        spec = pool["spec"]
        cpu, memory = _asked(spec["resources"])
        disk = sum((gibibytes(volume["size"]) for volume in spec["storage"]["volumes"]), Decimal(0))
        yield cpu * spec["replicas"], memory * spec["replicas"], disk * spec["replicas"]
    for kafka in find(objects, "Kafka"):
        for operator in ("topicOperator", "userOperator"):
            yield *_asked(kafka["spec"]["entityOperator"][operator]["resources"]), Decimal(0)


def _databases(objects: Sequence[Object]) -> Iterator[Sum]:
    for cluster in find(objects, "Cluster"):
        spec = cluster["spec"]
        cpu, memory = _asked(spec["resources"])
        disk = sum((gibibytes(spec[kind]["size"]) for kind in ("storage", "walStorage") if kind in spec), Decimal(0))
        yield cpu * spec["instances"], memory * spec["instances"], disk * spec["instances"]


def sums(objects: Sequence[Object]) -> dict[str, Sum]:
    """Give them by what asks."""
    found = {}
    for name, parts in (("processes", _processes), ("Kafka", _kafka), ("PostgreSQL", _databases)):
        cpu, memory, disk = zip(*parts(objects), strict=True)
        found[name] = (sum(cpu, Decimal(0)), sum(memory, Decimal(0)), sum(disk, Decimal(0)))
    return found
