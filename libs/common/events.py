"""CloudEvents 1.0 in Kafka's binary mode: the event is the value, its attributes are `ce_*` headers."""

import json
import time
from datetime import UTC, datetime

from libs.common.kafka import Message
from libs.common.log import Announced, Position

__all__ = ["POSITION_KEY", "POSITION_TYPE", "is_caught_up", "message_of", "position_message"]

POSITION_KEY = b"position"
POSITION_TYPE = "tungnha.position.v1"


def message_of(announced: Announced, owner: str) -> Message:
    """Make the message of a record's state; `ce_sequence` is its position in the owner's log."""
    time_text = datetime.fromtimestamp(announced.appended_at, UTC).isoformat().replace("+00:00", "Z")
    record = str(announced.record_id)
    return Message(
        key=record.encode(),
        value=announced.body,
        headers=_headers(
            id=f"{record}/{announced.revision}/{announced.edition}",
            source=f"/tungnha/{owner}",
            type=announced.type,
            time=time_text,
            subject=record,
            sequence=str(announced.position),
            requestid=announced.request_id,
        ),
        timestamp_ms=int(announced.appended_at * 1000),
    )


def position_message(owner: str, position: Position, *, caught_up: bool) -> Message:
    """Make the message that says how far the log has been sent to a partition, and whether that was its end."""
    now = time.time()
    return Message(
        key=POSITION_KEY,
        value=json.dumps({"owner": owner, "position": str(position), "caught_up": caught_up}).encode(),
        headers=_headers(
            id=f"{owner}/{position}",
            source=f"/tungnha/{owner}",
            type=POSITION_TYPE,
            time=datetime.fromtimestamp(now, UTC).isoformat().replace("+00:00", "Z"),
            subject="position",
            sequence=str(position),
        ),
        timestamp_ms=int(now * 1000),
    )


def is_caught_up(value: bytes) -> bool:
    """Say whether a position message tells that the owner's whole log had been sent."""
    return json.loads(value).get("caught_up") is True


def _headers(**attributes: str) -> list[tuple[str, bytes]]:
    headers = [("content-type", b"application/json"), ("ce_specversion", b"1.0")]
    headers += [(f"ce_{name}", value.encode()) for name, value in attributes.items() if value]
    return headers
