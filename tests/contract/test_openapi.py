"""The OpenAPI document: fresh, valid by structure, and every example in it validates."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from libs.contracts import openapi
from libs.contracts.operations import OPERATIONS, SCOPE_WORDS, Operation
from libs.contracts.operations.bodies import FOLDER, Example, examples_of
from libs.contracts.registry import SCOPES
from libs.contracts.topics import EVENT_TYPES

DOCUMENT: dict[str, Any] = json.loads(openapi.frozen())
BY_ID = {operation.operation_id: operation for operation in OPERATIONS}
REGISTRY: Registry[Any] = Registry().with_resource("urn:api", DRAFT202012.create_resource(DOCUMENT))


def validator(schema_name: str) -> Draft202012Validator:
    schema = {"$ref": f"urn:api#/components/schemas/{schema_name}"}
    return Draft202012Validator(schema, registry=REGISTRY, format_checker=FormatChecker())


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Give every object of a document, those inside examples left out."""
    if isinstance(value, dict):
        yield value
        for name, inner in value.items():
            if name not in ("examples", "example", "default"):
                yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_frozen_document_is_that_of_today() -> None:
    assert openapi.frozen() == openapi.text(openapi.document()), "run: python -m libs.contracts.freeze"


def test_the_document_has_the_parts_that_openapi_3_1_requires() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert sorted(ids) == sorted(BY_ID)
    for path, method, operation in operations():
        assert path.startswith("/")
        assert method in ("get", "post")
        assert set(operation["tags"]) <= tags
        assert operation["summary"]
        assert all("description" in response or "$ref" in response for response in operation["responses"].values())


def test_every_reference_resolves() -> None:
    references = {node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node}
    references |= {e["$ref"] for n in nodes(DOCUMENT) for e in n.get("examples", {}).values() if "$ref" in e}
    assert references
    for reference in references:
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_every_schema_is_valid_and_none_is_left_over() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    used = json.dumps(DOCUMENT)
    for name, schema in schemas.items():
        Draft202012Validator.check_schema(schema)
        assert f"#/components/schemas/{name}" in used


def test_every_path_parameter_is_declared_and_nothing_is_declared_twice() -> None:
    for path, _, operation in operations():
        own = [p for p in operation["parameters"] if "name" in p]
        assert {p["name"] for p in own if p["in"] == "path"} == {p.split("}")[0] for p in path.split("{")[1:]}
        assert len({(p["name"], p["in"]) for p in own}) == len(own)
        assert all(p["required"] for p in own if p["in"] == "path")
        for parameter in own:
            Draft202012Validator.check_schema(parameter["schema"])
            if "example" in parameter:
                Draft202012Validator(parameter["schema"], format_checker=FormatChecker()).validate(parameter["example"])


def test_scopes_are_described_and_every_operation_says_which_it_needs() -> None:
    scopes = DOCUMENT["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]["scopes"]
    assert set(scopes) == set(SCOPES) == set(SCOPE_WORDS)
    for _, _, operation in operations():
        scope = BY_ID[operation["operationId"]].scope
        assert [scope] in [entry.get("oauth2", [None]) for entry in operation["security"]]


def test_bodies_that_are_only_answered_stay_open_for_later_fields() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["VisitInput"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["BatchAnswer"]


def test_no_event_class_but_those_the_registry_publishes_is_shown() -> None:
    shown = set(DOCUMENT["components"]["schemas"]) & {contract.__name__ for contract in EVENT_TYPES.values()}
    assert shown == {
        "MemberV1",
        "ModelV1",
        "RosterV1",
        "WaveV1",
        "MeasureV1",
        "PlatformV1",
        "TopicV1",
        "UnitV1",
        "TeamV1",
        "IndicatorV1",
        "DenominatorV1",
        "TargetV1",
    }


def test_every_operation_has_its_file_of_examples_and_no_file_is_orphaned() -> None:
    assert {path.stem for path in Path(FOLDER).iterdir()} == BY_ID.keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.operation_id)
def test_the_examples_of_an_operation_validate(operation: Operation) -> None:
    examples = examples_of(operation.operation_id)
    assert bool(examples["responses"]) == (operation.response is not None)
    assert bool(examples["requests"]) == (operation.request is not None)
    for example in examples["responses"].values():
        assert operation.response is not None
        check(operation.response, example)
    for example in examples["requests"].values():
        assert operation.request is not None
        check(operation.request, example)


def check(model: Any, example: Example) -> None:
    assert example["vi"]
    assert example["en"]
    model.model_validate_json(json.dumps(example["value"]))
    validator(model.__name__).validate(example["value"])


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["examples"]))
def test_the_example_of_a_problem_validates(name: str) -> None:
    value = DOCUMENT["components"]["examples"][name]["value"]
    validator("ProblemDocument").validate(value)
    assert f"problem_{value['code']}" == name
