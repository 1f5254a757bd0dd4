"""Topics, users and rights in manifests are those of the code, and enough copies keep what they are told to."""

import pytest

from libs.contracts.topics import TOPICS
from tests.k8s.kustomize import OVERLAYS, render
from tests.k8s.model import environment_of, find, named, pods
from tests.k8s.settings import settings_of


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_topic_is_there_with_the_partitions_and_settings_of_its_declaration(overlay: str) -> None:
    found = {each["metadata"]["name"]: each["spec"] for each in find(render(overlay), "KafkaTopic")}
    assert set(found) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        spec = found[topic.name]
        assert spec["partitions"] == topic.partitions
        assert {name: str(spec["config"].get(name)) for name in topic.config()} == topic.config(), topic.name
        assert set(spec["config"]) - set(topic.config()) <= {"min.insync.replicas"}


@pytest.mark.parametrize(("overlay", "copies", "enough"), [("dev", 1, 1), ("province", 3, 2)])
def test_what_is_acknowledged_is_in_as_many_places_as_the_overlay_promises(
    overlay: str, copies: int, enough: int
) -> None:
    objects = render(overlay)
    config = named(objects, "Kafka", "kafka")["spec"]["kafka"]["config"]
    brokers = sum(pool["spec"]["replicas"] for pool in find(objects, "KafkaNodePool") if "broker" in str(pool))
    assert brokers == copies
    assert config["min.insync.replicas"] == config["transaction.state.log.min.isr"] == enough
    assert config["transaction.state.log.replication.factor"] == config["default.replication.factor"] == copies
    assert config["auto.create.topics.enable"] is False
    for topic in find(objects, "KafkaTopic"):
        assert topic["spec"]["replicas"] == copies
        assert int(topic["spec"]["config"].get("min.insync.replicas", enough)) == enough


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_processes_speak_to_the_listener_there_is_in_the_way_it_asks_for(overlay: str) -> None:
    objects = render(overlay)
    (listener,) = named(objects, "Kafka", "kafka")["spec"]["kafka"]["listeners"]
    assert (listener["tls"], listener["authentication"]) == (True, {"type": "tls"})
    speakers = [pod for pod in pods(objects, "Deployment") if "tungnha/kafka" in pod.labels]
    for pod in speakers:
        values = environment_of(objects, pod.main)
        assert values["KAFKA_BOOTSTRAP"] == f"kafka-kafka-bootstrap:{listener['port']}"
        assert values["KAFKA_SECURITY_PROTOCOL"] == "SSL"
        user = f"kafka-{pod.labels['tungnha/service']}"
        assert f"'name': '{user}'" in str(pod.spec["volumes"]), pod
    everybody = {p.owner for p in pods(objects, "Deployment") if "kafka_bootstrap" in settings_of(p).model_fields}
    assert {pod.owner for pod in speakers} == everybody


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_relays_do_not_try_to_make_what_strimzi_makes(overlay: str) -> None:
    objects = render(overlay)
    relays = [pod for pod in pods(objects, "Deployment") if pod.owner.endswith("-relay")]
    assert len(relays) == 2
    assert all(environment_of(objects, pod.main)["KAFKA_MAKE_TOPICS"] == "false" for pod in relays)
