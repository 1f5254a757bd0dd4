"""Problems: errors with a stable code, told in Vietnamese and English (RFC 9457)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

__all__ = ["Catalogue", "Fault", "Problem", "Sentence", "first_faults"]

MAX_FAULTS = 20


@dataclass(frozen=True)
class Sentence:
    """A code's status and its sentence in both languages, with {placeholders}."""

    status: int
    vi: str
    en: str


@dataclass(frozen=True)
class Fault:
    """One thing wrong, at a JSON pointer (RFC 6901) into what was sent."""

    code: str
    pointer: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


def first_faults(faults: Iterable[Fault], rest_at: str = "") -> list[Fault]:
    """Take the faults that are told of one row or document; where there are more, the last says so at `rest_at`."""
    found = iter(faults)
    told = list(islice(found, MAX_FAULTS))
    if next(found, None) is not None:
        told.append(Fault("more_faults", rest_at))
    return told


class Problem(Exception):
    """Ends a request with a problem document; `extra` goes into the document, `headers` onto the response."""

    def __init__(
        self,
        code: str,
        /,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.faults = faults
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})
        self.params = params


class Catalogue:
    """Every code with its sentences; a code that is not in it is a mistake in the program (KeyError)."""

    def __init__(self, sentences: Mapping[str, Sentence]) -> None:
        self.sentences = sentences

    @classmethod
    def of(cls, entries: Mapping[str, Mapping[str, Any]]) -> "Catalogue":
        """Make a catalogue of entries with `status`, `vi` and `en`."""
        return cls({code: Sentence(entry["status"], entry["vi"], entry["en"]) for code, entry in entries.items()})

    def describe(self, fault: Fault) -> dict[str, str]:
        """Give a fault as it is shown: code, pointer, sentence in both languages."""
        sentence = self.sentences[fault.code]
        return {
            "code": fault.code,
            "pointer": fault.pointer,
            "vi": sentence.vi.format_map(_Params(fault.params)),
            "en": sentence.en.format_map(_Params(fault.params)),
        }

    def document(self, problem: Problem, *, english: bool, request_id: str) -> tuple[int, dict[str, Any]]:
        """Give the status and the body of a problem."""
        sentence = self.sentences[problem.code]
        vi = sentence.vi.format_map(_Params(problem.params))
        en = sentence.en.format_map(_Params(problem.params))
        body: dict[str, Any] = {
            "type": f"/problems/{problem.code}",
            "title": problem.code.replace("_", " "),
            "status": sentence.status,
            "code": problem.code,
            "detail": en if english else vi,
            "vi": vi,
            "en": en,
            "trace_id": request_id,
        }
        if problem.faults:
            body["errors"] = [self.describe(fault) for fault in problem.faults]
        return sentence.status, {**body, **problem.extra}


class _Params(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"
