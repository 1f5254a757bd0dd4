"""pydantic's findings become faults with codes of ours, at the place they are meant for, and repeat nothing sent."""

from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from libs.common.problem import Fault
from libs.common.validation import faults_of

SECRET = "079204001234"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    n: int = Field(default=1, ge=1, le=9)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    part: _Part | None = None
    parts: Annotated[list[_Part], Field(min_length=1, max_length=2)] | None = None
    text: str = Field(default="ab", min_length=2, max_length=5)
    yes: bool = True
    share: float = Field(default=0.5, allow_inf_nan=False)
    kind: Literal["visit", "report"] = "visit"
    day: date = date(2025, 5, 10)
    at: AwareDatetime | None = None
    seen: datetime | None = None
    id: UUID | None = None
    digits: Annotated[str, Field(pattern=r"^\d{3}$")] = "123"


class _Demanding(BaseModel):
    needed: int


def _faults(form: type[BaseModel], body: str, prefix: str = "") -> list[Fault]:
    with pytest.raises(ValidationError) as caught:
        form.model_validate_json(body)
    return faults_of(caught.value, prefix)


@pytest.mark.parametrize(
    ("body", "code", "at", "params"),
    [
        ('{"part": {"n": "1"}}', "wrong_type", "/part/n", {"expected": "integer"}),
        ('{"part": 1}', "wrong_type", "/part", {"expected": "object"}),
        ('{"parts": {}}', "wrong_type", "/parts", {"expected": "array"}),
        ('{"text": 1}', "wrong_type", "/text", {"expected": "string"}),
        ('{"yes": 1}', "wrong_type", "/yes", {"expected": "boolean"}),
        ('{"share": "1"}', "wrong_type", "/share", {"expected": "number"}),
        ('{"share": NaN}', "not_a_number", "/share", {}),
        ('{"parts": [{}, {"n": 0}]}', "out_of_range", "/parts/1/n", {"limit": "≥ 1"}),
        ('{"part": {"n": 10}}', "out_of_range", "/part/n", {"limit": "≤ 9"}),
        ('{"parts": []}', "too_short", "/parts", {"limit": 1}),
        ('{"parts": [{}, {}, {}]}', "too_long", "/parts", {"limit": 2}),
        ('{"text": "a"}', "too_short", "/text", {"limit": 2}),
        ('{"text": "abcdef"}', "too_long", "/text", {"limit": 5}),
        ('{"kind": "other"}', "unknown_value", "/kind", {"expected": "'visit' or 'report'"}),
        ('{"day": "2025-13-01"}', "bad_date", "/day", {}),
        ('{"seen": "yesterday"}', "bad_date", "/seen", {}),
        ('{"at": "2025-05-10T08:30:00"}', "offset_missing", "/at", {}),
        ('{"id": "not-one"}', "bad_uuid", "/id", {}),
        ('{"a/b~c": 1}', "unknown_field", "/a~1b~0c", {}),
    ],
)
def test_each_finding_has_a_code_its_parameters_and_a_pointer(
    body: str, code: str, at: str, params: dict[str, object]
) -> None:
    assert _faults(_Form, body) == [Fault(code, at, params)]


def test_a_missing_field_is_pointed_at_under_the_prefix() -> None:
    assert _faults(_Demanding, "{}", "/rows/3") == [Fault("missing", "/rows/3/needed")]


def test_what_has_no_code_of_its_own_is_told_in_words_that_name_no_value() -> None:
    (fault,) = _faults(_Form, '{"digits": "12"}')
    assert (fault.code, fault.pointer) == ("malformed_value", "/digits")
    assert "pattern" in fault.params["reason"]


@pytest.mark.parametrize(
    "body",
    [
        f'{{"{member}": {value}}}'
        for member in _Form.model_fields
        for value in (f'"{SECRET}"', SECRET[1:], f'["{SECRET}"]', f'{{"n": "{SECRET}"}}')
    ],
)
def test_what_was_sent_is_never_repeated(body: str) -> None:
    with suppress(ValidationError):  # A text is welcome where one is wanted.
        _Form.model_validate_json(body)
        return
    assert SECRET[1:] not in repr(_faults(_Form, body))


def test_twenty_faults_are_told_and_then_only_that_there_are_more() -> None:
    many = ", ".join(f'"x{n}": {n}' for n in range(21))
    faults = _faults(_Form, f"{{{many}}}", "/rows/3")
    assert [fault.pointer for fault in faults] == [*(f"/rows/3/x{n}" for n in range(20)), "/rows/3"]
    assert [fault.code for fault in faults] == ["unknown_field"] * 20 + ["more_faults"]
    exactly = ", ".join(f'"x{n}": {n}' for n in range(20))
    assert "more_faults" not in [fault.code for fault in _faults(_Form, f"{{{exactly}}}")]
