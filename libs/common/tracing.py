"""Traces: spans of our own for the few requests that the public edge has chosen, and nothing at all for the others.

A span is opened where a request comes in, where one goes out, around the groups of statements that matter, around what
is sent to Kafka and around a batch that is handled. Who is not traced pays for one look at a variable.
"""

import random
import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, NamedTuple, Protocol, Self, TypedDict, Unpack, get_type_hints

from starlette.types import Scope

__all__ = [
    "ATTRIBUTES",
    "HEADER",
    "OFF",
    "Attributes",
    "Kind",
    "Parent",
    "Recorded",
    "Recorder",
    "Span",
    "Tracing",
    "parent_of",
    "span",
    "trace_id",
    "traceparent",
]

HEADER = "traceparent"
MAX_LINKS = 128
_HEADER = HEADER.encode()
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_MACHINES = ("/health/", "/metrics")

Kind = Literal["internal", "server", "client", "producer", "consumer"]


class Attributes(TypedDict, total=False):
    """All that a span may say: names out of our own lists and counts, never a value that somebody sent."""

    operation: str
    status: int
    upstream: str
    topic: str
    messages: int
    rows: int
    request_id: str


ATTRIBUTES = {
    "operation": "tungnha.operation",
    "status": "http.response.status_code",
    "upstream": "server.address",
    "topic": "messaging.destination.name",
    "messages": "messaging.batch.message_count",
    "rows": "tungnha.rows",
    "request_id": "tungnha.request_id",
}
"""Under which name each is told; `error.type` is the only other one."""
assert ATTRIBUTES.keys() == get_type_hints(Attributes).keys()


class Parent(NamedTuple):
    """A sampled span somewhere else."""

    trace_id: int
    span_id: int


def parent_of(text: str | None) -> Parent | None:
    """Read a W3C traceparent; None where there is none, where it is not sampled or not of this form."""
    if not text or (match := _TRACEPARENT.fullmatch(text)) is None or not int(match[3], 16) & 1:
        return None
    return Parent(int(match[1], 16), int(match[2], 16))


class Recorded(Protocol):
    """A span as whoever exports it has it."""

    @property
    def place(self) -> Parent:
        """Its ids."""

    def tell(self, name: str, value: str | int) -> None:
        """Note an attribute."""

    def end(self, name: str, error: str | None) -> None:
        """End it under a name; `error` is the type of what went wrong."""


class Recorder(Protocol):
    """Makes spans and exports them."""

    def start(
        self, name: str, kind: Kind, parent: Parent | None, links: Sequence[Parent], trace_id: int | None
    ) -> Recorded:
        """Begin a span; one without a parent begins a trace, with the id given or a new one."""


class Span:
    """A stretch of work of a traced request. As a context manager it is the span at hand, and ended at the end."""

    __slots__ = ("_name", "_recorded", "_recorder", "_token")

    def __init__(self, recorder: Recorder, name: str, recorded: Recorded) -> None:
        self._recorder = recorder
        self._name = name
        self._recorded = recorded
        self._token: Token[Span | None] | None = None

    @property
    def trace_id(self) -> str:
        """The id of the whole trace."""
        return f"{self._recorded.place.trace_id:032x}"

    @property
    def traceparent(self) -> str:
        """What is passed on to whatever this work causes elsewhere."""
        place = self._recorded.place
        return f"00-{place.trace_id:032x}-{place.span_id:016x}-01"

    def tell(self, **attributes: Unpack[Attributes]) -> None:
        """Say more of it."""
        for name, value in attributes.items():
            self._recorded.tell(ATTRIBUTES[name], value)  # type: ignore[arg-type]

    def child(self, name: str, kind: Kind, attributes: Attributes) -> "Span":
        """Begin a span within this one."""
        return begun(self._recorder, name, kind, attributes, self._recorded.place)

    def end(self, error: str | None = None, *, name: str | None = None) -> None:
        """End it, perhaps under a better name; `error` is the type of what went wrong, whose words may quote data."""
        if self._token is not None:
            _at_hand.reset(self._token)
            self._token = None
        self._recorded.end(name or self._name, error)

    def __enter__(self) -> Self:
        self._token = _at_hand.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self.end(kind.__name__ if kind is not None else None)


_at_hand: ContextVar[Span | None] = ContextVar("span", default=None)
_NOTHING: AbstractContextManager[None] = nullcontext()


def begun(
    recorder: Recorder,
    name: str,
    kind: Kind,
    attributes: Attributes,
    parent: Parent | None,
    links: Sequence[Parent] = (),
    trace_id: int | None = None,
) -> Span:
    """Begin a span of a recorder's."""
    made = Span(recorder, name, recorder.start(name, kind, parent, links, trace_id))
    made.tell(**attributes)
    return made


def span(
    name: str, kind: Kind = "internal", **attributes: Unpack[Attributes]
) -> AbstractContextManager[Span] | AbstractContextManager[None]:
    """Give a span within the one at hand; nothing, at no cost, where the work at hand is not traced."""
    within = _at_hand.get()
    return _NOTHING if within is None else within.child(name, kind, attributes)


def traceparent() -> str | None:
    """Give what is to be passed on of the span at hand, None where the work is not traced."""
    within = _at_hand.get()
    return None if within is None else within.traceparent


def trace_id() -> str:
    """Give the id of the trace at hand, empty where the work is not traced."""
    within = _at_hand.get()
    return "" if within is None else within.trace_id


@dataclass(frozen=True)
class Tracing:
    """What a process does about traces.

    With a `head` it is the public edge: it chooses that share of the requests, whatever their senders say. Without, it
    follows what the process before it has chosen.
    """

    recorder: Recorder | None = None
    head: float | None = None
    max_links: int = MAX_LINKS

    def request(self, scope: Scope, request_id: str, own_id: str | None) -> Span | None:
        """Begin the span of a request that is to be traced, and have it at hand until it is ended.

        `own_id` is the request's id where we have made it: a trace that begins here has that very id, so that the one
        an answer tells finds the trace, too.
        """
        if self.recorder is None:
            return None
        if self.head is None:
            parent = _parent_in(scope)
            if parent is None:
                return None
        else:
            # Drawn, not made of an id: whoever chooses the id would choose to be traced.
            if random.random() >= self.head or scope["path"].startswith(_MACHINES):  # noqa: S311
                return None
            parent = None
        trace = int(own_id, 16) if own_id else None
        return begun(self.recorder, "request", "server", {"request_id": request_id}, parent, (), trace).__enter__()

    def sent(self, traceparent: str | None, topic: str, messages: int) -> Span | None:
        """Begin the span of sending messages of one trace; they carry it on. It is not the span at hand."""
        parent = parent_of(traceparent)
        if self.recorder is None or parent is None:
            return None
        return begun(self.recorder, "send", "producer", {"topic": topic, "messages": messages}, parent)

    def batch(
        self, name: str, told: Iterable[str | None], **attributes: Unpack[Attributes]
    ) -> AbstractContextManager[Span] | AbstractContextManager[None]:
        """Give a span around the handling of a batch, linked to the traced ones among its messages; else nothing.

        Where they are all of one trace, it is a part of that; of several, it begins a trace of its own.
        """
        if self.recorder is None:
            return _NOTHING
        parents = {parent: None for text in told if text and (parent := parent_of(text)) is not None}
        if not parents:
            return _NOTHING
        links = list(parents)[: self.max_links]
        only = links[0] if len({parent.trace_id for parent in parents}) == 1 else None
        return begun(self.recorder, name, "consumer", attributes, only, links)


OFF = Tracing()


def _parent_in(scope: Scope) -> Parent | None:
    for name, value in scope["headers"]:
        if name == _HEADER:
            return parent_of(value.decode("latin-1"))
    return None
