"""The table of topics: owner, readers, partitions, compaction."""

import pytest

from libs.contracts.topics import DAY_MS, EVENT_TYPES, TOPICS, Topic

SERVICES = {"registry", "visits", "metrics", "gateway"}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_has_an_owner_readers_and_a_fixed_number_of_partitions(topic: Topic) -> None:
    assert topic.owner in SERVICES
    assert topic.readers
    assert set(topic.readers) <= SERVICES
    assert len(set(topic.readers)) == len(topic.readers)
    assert topic.partitions >= 1
    assert topic.name.startswith(f"tungnha.{topic.owner}.")


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_is_compacted_and_forgets_what_was_erased_within_a_day_and_a_segment(topic: Topic) -> None:
    config = topic.config()
    assert config["cleanup.policy"] == "compact"
    assert int(config["segment.ms"]) < DAY_MS
    assert int(config["max.compaction.lag.ms"]) <= DAY_MS


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_carries_events_of_its_owner(topic: Topic) -> None:
    names = {contract: name for name, contract in EVENT_TYPES.items()}
    assert topic.carries
    assert all(names[contract].startswith(f"tungnha.{topic.owner}.") for contract in topic.carries)


def test_topic_names_are_unique() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
