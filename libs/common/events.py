"""CloudEvents 1.0 in Kafka's binary mode: the event is the value, its attributes are `ce_*` headers."""

import json
import time
from datetime import UTC, datetime
from functools import lru_cache

from libs.common.kafka import Message
from libs.common.log import Announced, Position
from libs.common.tracing import HEADER as TRACEPARENT

__all__ = ["POSITION_KEY", "POSITION_TYPE", "message_of", "position_message", "told_by"]

POSITION_KEY = b"position"
POSITION_TYPE = "tungnha.position.v1"

Header = tuple[str, bytes]


def message_of(announced: Announced, owner: str, traceparent: str | None = None) -> Message:
    """Make the message of a record's state; `ce_sequence` is its position in the owner's log.

    With a `traceparent` it belongs to a traced request, and whoever handles it goes on with that trace.
    """
    record, revision, edition, position, type_, _, request_id, appended_at, body, _ = announced
    key = str(record).encode()
    headers = [
        *_shared(owner, type_, appended_at, request_id),
        ("ce_id", b"%b/%d/%d" % (key, revision, edition)),
        ("ce_subject", key),
        ("ce_sequence", b"%d.%d.%d" % position),
    ]
    if traceparent is not None:
        headers.append((TRACEPARENT, traceparent.encode()))
    return Message(key, body, headers, int(appended_at * 1000))


@lru_cache(maxsize=1024)
def _shared(owner: str, type_: str, at: float, request_id: str) -> tuple[Header, ...]:
    """Give the attributes that the rows of one transaction have in common."""
    shared = [
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_source", f"/tungnha/{owner}".encode()),
        ("ce_type", type_.encode()),
        ("ce_time", datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z").encode()),
    ]
    return (*shared, ("ce_requestid", request_id.encode())) if request_id else tuple(shared)


def position_message(owner: str, position: Position, *, caught_up: bool) -> Message:
    """Make the message that says how far the log has been sent to a partition, and whether that was its end."""
    now, place = time.time(), str(position)
    headers = [
        *_shared(owner, POSITION_TYPE, now, ""),
        ("ce_id", f"{owner}/{place}".encode()),
        ("ce_subject", POSITION_KEY),
        ("ce_sequence", place.encode()),
    ]
    value = json.dumps({"owner": owner, "position": place, "caught_up": caught_up}).encode()
    return Message(POSITION_KEY, value, headers, int(now * 1000))


def told_by(value: bytes) -> tuple[Position, bool]:
    """Give what a position message tells: how far the log had been sent, and whether that was its end.

    Raises ValueError for what is none.
    """
    told = json.loads(value)
    if not isinstance(told, dict) or not isinstance(told.get("position"), str):
        raise ValueError("not a position")
    return Position.parse(told["position"]), told.get("caught_up") is True
