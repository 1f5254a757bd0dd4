"""Who may reach whom by the NetworkPolicies of an overlay, and who has to by what processes are told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url

from tests.k8s.model import Object, environment_of, find, matches, named, pods
from tests.k8s.settings import aliases, settings_of

__all__ = ["Actor", "Flow", "actors", "allowed", "needed", "policies"]

HERE = "tungnha"
Flow = tuple[str, str, int]
"""From whom to whom, to which port."""


@dataclass(frozen=True)
class Actor:
    """Somebody in the cluster: `ports` are those it listens on, some by name."""

    name: str
    labels: Mapping[str, str]
    ports: Mapping[int, str]
    namespace: str = HERE


OUTSIDE = (
    Actor("newcomer", {}, {80: ""}),  # In our namespace, and nobody has thought of it.
    Actor("prometheus", {"app.kubernetes.io/name": "prometheus"}, {9090: ""}, "monitoring"),
    Actor("collector", {"app.kubernetes.io/name": "opentelemetry-collector"}, {4318: "", 9999: ""}, "monitoring"),
    Actor("grafana", {"app.kubernetes.io/name": "grafana"}, {3000: ""}, "monitoring"),
    Actor("dns", {"k8s-app": "kube-dns"}, {53: ""}, "kube-system"),
    Actor("door", {"app.kubernetes.io/name": "envoy"}, {10080: ""}, "envoy-gateway-system"),
    Actor("stranger", {"app.kubernetes.io/part-of": "tungnha"}, {80: ""}, "default"),
)


def actors(objects: Sequence[Object]) -> list[Actor]:
    """Give everybody: processes, what operators run here, and some who are elsewhere."""
    ours = [
        Actor(pod.owner, pod.labels, {port["containerPort"]: port["name"] for port in pod.main.get("ports", [])})
        for pod in pods(objects)
    ]
    broker = {"strimzi.io/cluster": "kafka", "strimzi.io/broker-role": "true", "strimzi.io/kind": "Kafka"}
    solver = {"acme.cert-manager.io/http01-solver": "true"}
    engines = [Actor("solver", solver, {8089: ""})] if any("acme" in str(i) for i in find(objects, "Issuer")) else []
    engines.append(Actor("broker", broker, {9090: "", 9091: "", 9093: "", 9404: ""}))
    for cluster in find(objects, "Cluster"):
        name = cluster["metadata"]["name"]
        labels = {"cnpg.io/cluster": name, "cnpg.io/podRole": "instance"}
        engines.append(Actor(name, labels, {5432: "", 8000: "", 9187: ""}))
    return [*ours, *engines, *OUTSIDE]


def policies(objects: Sequence[Object]) -> list[Object]:
    """Give the policies there will be: the overlay's, and those that Strimzi makes of a listener's peers."""
    found = [each["spec"] for each in find(objects, "NetworkPolicy")]
    for listener in named(objects, "Kafka", "kafka")["spec"]["kafka"]["listeners"]:
        ports = [{"port": listener["port"], "protocol": "TCP"}]
        found.append(
            {
                "podSelector": {"matchLabels": {"strimzi.io/cluster": "kafka", "strimzi.io/kind": "Kafka"}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": listener["networkPolicyPeers"], "ports": ports}],
            }
        )
    return found


def allowed(objects: Sequence[Object]) -> Iterator[Flow]:
    """Give what the policies let through, to each port that somebody listens on."""
    everybody, told = actors(objects), policies(objects)
    for source in everybody:
        for target in everybody:
            for port in target.ports:
                out = source.namespace != HERE or _passes(told, "Egress", source, target, target, port)
                into = target.namespace != HERE or _passes(told, "Ingress", target, source, target, port)
                if source is not target and HERE in (source.namespace, target.namespace) and out and into:
                    yield source.name, target.name, port


def _passes(told: Sequence[Object], way: str, own: Actor, other: Actor, target: Actor, port: int) -> bool:
    chosen = [each for each in told if way in each["policyTypes"] and matches(each["podSelector"], own.labels)]
    rules = [rule for each in chosen for rule in each.get(way.lower(), [])]
    return not chosen or any(_rule(rule, way, other, target, port) for rule in rules)


def _rule(rule: Object, way: str, other: Actor, target: Actor, port: int) -> bool:
    peers = rule.get("to" if way == "Egress" else "from")
    names = (port, target.ports[port] or None)
    ports = rule.get("ports")
    return (peers is None or any(_peer(peer, other) for peer in peers)) and (
        ports is None or any(each["port"] in names for each in ports)
    )


def _peer(peer: Object, other: Actor) -> bool:
    home = {"kubernetes.io/metadata.name": other.namespace}
    near = matches(peer["namespaceSelector"], home) if "namespaceSelector" in peer else other.namespace == HERE
    return near and matches(peer.get("podSelector", {}), other.labels)


def needed(objects: Sequence[Object]) -> Iterator[Flow]:
    """Give what the processes have to reach, by what they are told, and who has to reach them."""
    backends = {each["metadata"]["name"]: each["spec"] for each in find(objects, "Service")}
    for pod in pods(objects):
        told: dict[str, str] = {}
        for container in pod.containers:
            known = aliases(settings_of(pod, container))
            told |= {k: v for k, v in environment_of(objects, container).items() if k in known}
        for name, value in told.items():
            if name.startswith("DATABASE_URL_"):
                url = make_url(value)
                yield pod.owner, str(url.host).removesuffix("-rw"), url.port or 5432
            elif name == "KAFKA_BOOTSTRAP":
                yield pod.owner, "broker", int(value.rsplit(":", 1)[1])
            elif name.startswith("GATEWAY_") and name.endswith("_URL") and (url_parts := urlsplit(value)).port:
                backend = backends[str(url_parts.hostname)]
                assert backend["ports"][0]["port"] == url_parts.port
                yield pod.owner, backend["selector"]["app.kubernetes.io/name"], url_parts.port
        yield pod.owner, "dns", 53
        yield pod.owner, "collector", 4318
        for port in pod.main.get("ports", []):
            yield "prometheus", pod.owner, port["containerPort"]
    yield "door", "gateway-api", 8000
