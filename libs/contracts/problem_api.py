"""The body of every error answer (RFC 9457) and of the catalogue of its codes."""

from pydantic import ConfigDict, Field

from libs.contracts.model import Contract
from libs.contracts.visits_api import FieldError

__all__ = ["ProblemCatalogue", "ProblemDocument", "ProblemMeaning"]


class ProblemDocument(Contract):
    """An error: branch on `code`, show `detail`; some codes add members of their own, such as `record` or `rows`."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    type: str = Field(description="URI reference of the code's page, /problems/{code}")
    title: str
    status: int = Field(description="HTTP status")
    code: str = Field(description="Stable; never renamed")
    detail: str = Field(description="The sentence in the language of Accept-Language, Vietnamese by default")
    vi: str
    en: str
    trace_id: str = Field(description="Name it when you report a fault; also in X-Request-Id")
    errors: list[FieldError] = Field(default=[], description="What is wrong where, with JSON pointers into the body")


class ProblemMeaning(Contract):
    """What a code means; {names} are filled in when it is raised."""

    type: str
    code: str
    status: int = Field(description="HTTP status where the code ends a request")
    vi: str
    en: str


class ProblemCatalogue(Contract):
    """Every code."""

    problems: list[ProblemMeaning]
