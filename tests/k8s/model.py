"""What is asked of rendered objects: pods, their containers, environments, and what they mount."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Object", "Pod", "environment_of", "find", "matches", "named", "pods"]

Object = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod template and whose it is."""

    owner: str
    kind: str
    labels: Mapping[str, str]
    spec: Object

    @property
    def containers(self) -> list[Object]:
        """Every container, those that come first included."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def main(self) -> Object:
        """The container that is the process."""
        found: Object = next(each for each in self.spec["containers"] if each["name"] == "main")
        return found

    def __str__(self) -> str:
        return f"{self.kind}/{self.owner}"


def find(objects: Sequence[Object], kind: str) -> Iterator[Object]:
    """Give the objects of a kind."""
    return (each for each in objects if each["kind"] == kind)


def named(objects: Sequence[Object], kind: str, name: str) -> Object:
    """Give the one object of that kind and name."""
    (found,) = [each for each in find(objects, kind) if each["metadata"]["name"] == name]
    return found


def pods(objects: Sequence[Object], *kinds: str) -> list[Pod]:
    """Give the pod templates of Deployments and Jobs, or of one of these kinds."""
    return [
        Pod(
            each["metadata"]["name"],
            each["kind"],
            each["spec"]["template"]["metadata"]["labels"],
            each["spec"]["template"]["spec"],
        )
        for each in objects
        if each["kind"] in (kinds or ("Deployment", "Job"))
    ]


def environment_of(objects: Sequence[Object], container: Object) -> dict[str, str]:
    """Give a container's variables with their values; only ConfigMaps are looked up, for secrets are files."""
    maps = {each["metadata"]["name"]: each.get("data", {}) for each in find(objects, "ConfigMap")}
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= maps[source["configMapRef"]["name"]]
    for variable in container.get("env", []):
        reference = variable.get("valueFrom", {}).get("configMapKeyRef")
        found[variable["name"]] = maps[reference["name"]][reference["key"]] if reference else variable["value"]
    return found


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Say whether a label selector chooses somebody with these labels."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions", []))


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    value, operator = labels.get(expression["key"]), expression["operator"]
    answers = {
        "Exists": value is not None,
        "DoesNotExist": value is None,
        "In": value in expression.get("values", []),
        "NotIn": value not in expression.get("values", []),
    }
    return answers[operator]
