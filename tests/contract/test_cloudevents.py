"""The headers of our messages are CloudEvents 1.0 in Kafka's binary mode, as another implementation reads them."""

import json
from uuid import UUID

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from libs.common.events import POSITION_KEY, POSITION_TYPE, message_of, position_message
from libs.common.kafka import Message
from libs.common.log import Announced, Position
from libs.contracts.records import PositionV1
from libs.contracts.topics import EVENT_TYPES
from tests.contract.test_events import EXAMPLES, read

RECORD = UUID("0196b6d0-5a40-7c31-9a52-6f1d2c3b4a59")
POSITION = Position.parse("1.90417.12")


def announced(event_type: str, body: bytes = b"{}", request_id: str = "req-1") -> Announced:
    return Announced(RECORD, 2, 1, POSITION, event_type, RECORD, request_id, 1746846131.25, body)


def parsed(message: Message) -> tuple[dict[str, object], object]:
    event = from_binary(KafkaMessage(dict(message.headers), message.key, message.value), JSONFormat())
    return event.get_attributes(), event.get_data()


@pytest.mark.parametrize("event_type", sorted(set(EVENT_TYPES) - {POSITION_TYPE}))
def test_every_event_parses_with_its_value(event_type: str) -> None:
    example = next(iter(read(EXAMPLES / f"{event_type}.json").values()))
    attributes, value = parsed(message_of(announced(event_type, json.dumps(example).encode()), "visits"))
    assert attributes["type"] == event_type
    assert attributes["source"] == "/tungnha/visits"
    assert attributes["subject"] == str(RECORD)
    assert attributes["datacontenttype"] == "application/json"
    assert value == example


def test_an_event_is_identified_by_source_and_id_at_each_edition() -> None:
    attributes, _ = parsed(message_of(announced("tungnha.visits.record.v1"), "visits"))
    assert attributes["id"] == f"{RECORD}/2/1"
    assert attributes["sequence"] == str(POSITION)
    assert attributes["requestid"] == "req-1"
    assert str(attributes["time"]) == "2025-05-10 03:02:11.250000+00:00"


def test_an_event_without_a_request_has_no_empty_attribute() -> None:
    attributes, _ = parsed(message_of(announced("tungnha.visits.record.v1", request_id=""), "visits"))
    assert "requestid" not in attributes


def test_a_position_parses_and_validates() -> None:
    message = position_message("visits", POSITION, caught_up=True)
    attributes, value = parsed(message)
    assert message.key == POSITION_KEY
    assert attributes["type"] == POSITION_TYPE
    assert PositionV1.model_validate(value).position == str(POSITION)
