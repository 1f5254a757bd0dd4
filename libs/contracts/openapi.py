"""The OpenAPI 3.1 document of the public API, built from the table of operations and the contract classes."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from libs.contracts.openapi_parts import INFO, SHARED, TAGS, both, problem_example
from libs.contracts.operations import OPERATIONS, SCOPE_WORDS, Operation, Parameter
from libs.contracts.operations.bodies import Example, examples_of
from libs.contracts.problem_api import ProblemDocument

__all__ = ["FROZEN", "document", "frozen", "text"]

FROZEN = Path(__file__).parent / "openapi.json"
Json = dict[str, Any]


@cache
def frozen() -> str:
    """Give the document as it is frozen in the tree."""
    return FROZEN.read_text(encoding="utf-8")


def document() -> Json:
    """Build the document from the table; `servers` is relative, the gateway puts its public address there."""
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "/"}],
        "tags": TAGS,
        "paths": _paths(OPERATIONS),
        "components": {
            "schemas": _schemas(OPERATIONS),
            "examples": {f"problem_{code}": problem_example(code) for code in _codes(OPERATIONS)},
            "securitySchemes": _security_schemes(),
            **SHARED,
        },
    }


def _codes(operations: Iterable[Operation]) -> list[str]:
    return sorted({code for operation in operations for code in operation.problems})


def _schemas(operations: Iterable[Operation]) -> Json:
    """Give the schemas of all bodies; those only answered stay open, so that a later field breaks no client."""
    requests = {operation.request for operation in operations if operation.request}
    answers = {operation.response for operation in operations if operation.response} | {ProblemDocument}
    _, asked = models_json_schema([(m, "validation") for m in sorted(requests, key=_name)], ref_template=REF)
    _, everything = models_json_schema(
        [(m, "validation") for m in sorted(requests | answers, key=_name)], ref_template=REF
    )
    schemas: Json = everything["$defs"]
    for name, schema in schemas.items():
        if name not in asked["$defs"] and schema.get("additionalProperties") is False:
            del schema["additionalProperties"]
    return dict(sorted(schemas.items()))


REF = "#/components/schemas/{model}"
BINARY: Json = {"type": "string", "format": "binary"}


def _name(model: type) -> str:
    return model.__name__


def _ref(model: type) -> Json:
    return {"$ref": REF.format(model=model.__name__)}


def _paths(operations: Iterable[Operation]) -> Json:
    paths: Json = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return paths


def _operation(operation: Operation) -> Json:
    parts: Json = {
        "operationId": operation.operation_id,
        "tags": [_tag(operation)],
        "summary": " / ".join(operation.summary),
        "description": both(operation.description),
        "parameters": [*map(_parameter, operation.parameters), *_shared_parameters(operation)],
        "responses": _responses(operation),
        "security": _security(operation),
    }
    if operation.request:
        examples = examples_of(operation.operation_id)["requests"]
        parts["requestBody"] = {
            "required": True,
            "content": {operation.request_type: {"schema": _ref(operation.request), "examples": _shown(examples)}},
        }
    if operation.uploads:
        parts["requestBody"] = {"required": True, "content": {each: {"schema": BINARY} for each in operation.uploads}}
    return parts


def _tag(operation: Operation) -> str:
    first = operation.path.removeprefix("/v1").split("/")[1].split(":")[0]
    return {"oauth": "access", ".well-known": "access"}.get(first, first)


def _parameter(parameter: Parameter) -> Json:
    parts: Json = {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "description": both(parameter.words),
        "schema": dict(parameter.schema),
    }
    return parts if parameter.example is None else {**parts, "example": parameter.example}


def _shared_parameters(operation: Operation) -> list[Json]:
    names = ["AcceptLanguage", "RequestId"] + (["IfNoneMatch"] if operation.revalidates else [])
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _security(operation: Operation) -> list[Json]:
    if operation.operation_id == "issue_token":
        return [{"client": []}]
    return [{"oauth2": [scope]} for scope in (operation.scope, *operation.or_scopes)] if operation.scope else [{}]


def _security_schemes() -> Json:
    scopes = {scope: " / ".join(words) for scope, words in SCOPE_WORDS.items()}
    return {
        "oauth2": {
            "type": "oauth2",
            "description": "OAuth 2 client credentials (RFC 6749, 4.4)",
            "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": scopes}},
        },
        "client": {"type": "http", "scheme": "basic", "description": "client_id : client_secret"},
    }


def _responses(operation: Operation) -> Json:
    headers: Json = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if operation.revalidates:
        headers["ETag"] = {"$ref": "#/components/headers/ETag"}
    responses: Json = {str(operation.status): _answer(operation, headers)}
    if operation.revalidates:
        responses["304"] = {"$ref": "#/components/responses/NotModified"}
    by_status: dict[str, list[str]] = {}
    for code in operation.problems:
        by_status.setdefault(str(problem_example(code)["value"]["status"]), []).append(code)
    return responses | {status: _refusal(status, codes) for status, codes in sorted(by_status.items())}


def _answer(operation: Operation, headers: Json) -> Json:
    if operation.response is None:
        content: Json = {operation.downloads: {"schema": BINARY}}
        return {"description": both(operation.summary), "headers": headers, "content": content}
    examples = examples_of(operation.operation_id)["responses"]
    return {
        "description": (operation.response.__doc__ or "").split("\n")[0],
        "headers": headers,
        "content": {"application/json": {"schema": _ref(operation.response), "examples": _shown(examples)}},
    }


def _refusal(status: str, codes: list[str]) -> Json:
    headers: Json = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if status == "503":
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    if status == "401":
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WwwAuthenticate"}
    return {
        "description": ", ".join(f"`{code}`" for code in codes),
        "headers": headers,
        "content": {
            "application/problem+json": {
                "schema": _ref(ProblemDocument),
                "examples": {code: {"$ref": f"#/components/examples/problem_{code}"} for code in codes},
            }
        },
    }


def _shown(examples: Mapping[str, Example]) -> Json:
    return {
        name: {"summary": f"{example['vi']} / {example['en']}", "value": example["value"]}
        for name, example in examples.items()
    }


def text(built: Json) -> str:
    """Write a document as it is frozen."""
    return json.dumps(built, ensure_ascii=False, indent=1) + "\n"
