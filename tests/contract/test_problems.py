"""The catalogue of codes: every code raised is in it, in both languages, with the same placeholders."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import msgspec
import pytest

from libs.common.problem import Catalogue, Fault, Problem
from libs.contracts.openapi_parts import SAMPLES
from libs.contracts.operations import OPERATIONS
from libs.contracts.problem_api import ProblemDocument
from libs.contracts.problems import entries

ROOT = Path(__file__).parents[2]
CODES = sorted(entries())
RAISING = {"Problem", "Fault", "_refused", "BadBook", "Finding", "Unreadable"}
"""Names that are called with a code first."""


def codes_raised() -> Iterator[tuple[str, str]]:
    """Give every code that stands literally in a call, with where it stands."""
    for folder in ("services", "libs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RAISING:
                    for code in literals(node):
                        yield code, f"{path.relative_to(ROOT)}:{node.lineno}"


def literals(call: ast.Call) -> list[str]:
    """Give the code of a call, both where it is chosen by a condition."""
    if not call.args:
        return []
    first = call.args[0]
    options = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
    return [option.value for option in options if isinstance(option, ast.Constant) and isinstance(option.value, str)]


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_every_code_raised_is_in_the_catalogue() -> None:
    raised = list(codes_raised())
    assert len(raised) > 20
    assert [f"{code} at {where}" for code, where in raised if code not in entries()] == []


def test_every_code_an_operation_names_is_in_the_catalogue() -> None:
    assert {code for operation in OPERATIONS for code in operation.problems} <= entries().keys()


@pytest.mark.parametrize("code", CODES)
def test_a_code_has_both_languages_with_the_same_placeholders(code: str) -> None:
    entry = entries()[code]
    assert 400 <= entry["status"] < 600
    assert entry["vi"].strip()
    assert entry["en"].strip()
    assert entry["vi"] != entry["en"]
    assert placeholders(entry["vi"]) == placeholders(entry["en"])
    assert placeholders(entry["vi"]) <= SAMPLES.keys(), "a sample is needed for the examples"
    assert code == code.lower()
    assert code.replace("_", "").isalnum()


@pytest.mark.parametrize("code", CODES)
def test_the_document_of_a_code_conforms_to_its_contract(code: str) -> None:
    catalogue = Catalogue.of(entries())
    params = {name: SAMPLES[name] for name in placeholders(entries()[code]["vi"])}
    problem = Problem(code, faults=[Fault("wrong_type", "/rows/0", {"expected": "integer"})])
    problem.params = dict(params)
    status, body = catalogue.document(problem, english=True, request_id="r-1")
    document = ProblemDocument.model_validate_json(msgspec.json.encode(body))
    assert status == document.status == entries()[code]["status"]
    assert document.detail == document.en
    assert "{" not in document.vi + document.en
