"""Events: every type is frozen with its schema and examples, and changes only compatibly."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from libs.contracts import freeze, openapi
from libs.contracts.compatibility import incompatible
from libs.contracts.topics import EVENT_TYPES, TOPICS, type_of

EXAMPLES = Path(freeze.__file__).parent / "examples"
TYPES = sorted(EVENT_TYPES)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_event_type_has_a_schema_and_examples_and_no_file_is_orphaned() -> None:
    expected = {f"{event_type}.json" for event_type in EVENT_TYPES}
    assert {path.name for path in freeze.SCHEMAS.iterdir()} == expected
    assert {path.name for path in EXAMPLES.iterdir()} == expected


@pytest.mark.parametrize("event_type", TYPES)
def test_a_frozen_schema_is_the_class_of_today(event_type: str) -> None:
    frozen = (freeze.SCHEMAS / f"{event_type}.json").read_text(encoding="utf-8")
    generated = openapi.text(freeze.schema_of(event_type, EVENT_TYPES[event_type]))
    assert frozen == generated, "run: python -m libs.contracts.freeze"


@pytest.mark.parametrize("event_type", TYPES)
def test_a_class_changes_only_compatibly(event_type: str) -> None:
    frozen = read(freeze.SCHEMAS / f"{event_type}.json")
    changes = incompatible(frozen, freeze.schema_of(event_type, EVENT_TYPES[event_type]))
    assert not changes, "an incompatible change is a new type (.v2): " + "; ".join(map(str, changes))


@pytest.mark.parametrize("event_type", TYPES)
def test_every_example_validates_by_class_and_by_frozen_schema(event_type: str) -> None:
    validator = Draft202012Validator(read(freeze.SCHEMAS / f"{event_type}.json"), format_checker=FormatChecker())
    examples = read(EXAMPLES / f"{event_type}.json")
    assert examples
    for name, example in examples.items():
        assert [f"{name}: {error.message}" for error in validator.iter_errors(example)] == []
        EVENT_TYPES[event_type].model_validate_json(json.dumps(example))


@pytest.mark.parametrize("event_type", TYPES)
def test_a_frozen_schema_is_itself_valid(event_type: str) -> None:
    Draft202012Validator.check_schema(read(freeze.SCHEMAS / f"{event_type}.json"))


def test_a_voided_record_among_the_examples_has_no_lines_and_no_person() -> None:
    voided = [e for e in read(EXAMPLES / "tungnha.visits.record.v1.json").values() if e["state"] == "voided"]
    assert voided
    assert all(not example["lines"] and "household" not in example for example in voided)


def test_no_event_class_can_carry_a_raw_reference_or_a_secret() -> None:
    schemas = "".join(path.read_text(encoding="utf-8") for path in freeze.SCHEMAS.iterdir())
    told = schemas.replace("its secrets never leave the registry", "")
    assert not re.search(r"secret(?!ary)|phone_number|birth", told)
    references = read(freeze.SCHEMAS / "tungnha.visits.record.v1.json")["$defs"]["ReferencesV1"]["properties"]
    for kind in ("national_id", "phone", "ref", "receipt"):
        assert [option.get("pattern") for option in references[kind]["anyOf"]] == ["^[0-9a-f]{32}$", None]


def test_every_class_travels_on_exactly_one_topic() -> None:
    carried = [type_of(contract) for topic in TOPICS for contract in topic.carries]
    assert sorted([*carried, "tungnha.position.v1"]) == TYPES


def test_freezing_refuses_an_incompatible_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freeze, "SCHEMAS", tmp_path)
    monkeypatch.setattr(openapi, "FROZEN", tmp_path / "openapi.json")
    assert freeze.freeze() == []
    path = tmp_path / "tungnha.registry.team.v1.json"
    older = read(path)
    older["properties"]["phone"] = {"type": "string"}
    path.write_text(json.dumps(older), encoding="utf-8")
    assert freeze.freeze() == ["tungnha.registry.team.v1 /phone: the field was removed [incompatible]"]
    assert read(path) == older
