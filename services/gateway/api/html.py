"""The documentation and the problem codes as plain HTML, without scripts and without anything from elsewhere."""

import json
import shlex
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from libs.contracts.problem_api import ProblemMeaning

__all__ = ["CONTENT_SECURITY_POLICY", "documentation", "problem_page"]

Json = Mapping[str, Any]
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
pre{background:#f4f5f7;padding:.75rem;overflow-x:auto;border-radius:4px;font-size:13px}
code{background:#f4f5f7;padding:0 .2em}pre code{padding:0}
summary{cursor:pointer}summary b{display:inline-block;min-width:3.5rem}section>details{border-top:1px solid #d8dce2}
section>details>summary{padding:.5rem 0}table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;
padding:.2rem 1rem .2rem 0}
@media(prefers-color-scheme:dark){body{color:#e4e7eb;background:#14171a}pre,code{background:#22272d}a{color:#8ab8ff}}
"""


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="vi"><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}</style>{body}</html>'
    )


def _prose(text: str) -> str:
    """Show the little Markdown that the descriptions use: paragraphs, lists, bold and code."""
    shown = []
    for block in text.strip().split("\n\n"):
        lines = escape(block, quote=False)
        if lines == "---":
            shown.append("<hr>")
        elif lines.startswith("* "):
            entries = "".join(f"<li>{entry}</li>" for entry in ("\n" + lines).split("\n* ")[1:])
            shown.append(f"<ul>{entries}</ul>")
        else:
            shown.append(f"<p>{lines}</p>")
    return _marked(_marked("".join(shown), "**", "b"), "`", "code")


def _marked(text: str, mark: str, tag: str) -> str:
    parts = text.split(mark)
    return "".join(part if n % 2 == 0 else f"<{tag}>{part}</{tag}>" for n, part in enumerate(parts))


def _body(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _curl(base: str, method: str, path: str, operation: Json) -> str:
    """Give a command that can be pasted into a shell; $TOKEN and $CLIENT are the reader's."""
    query = []
    for parameter in operation["parameters"]:
        example = parameter.get("example")
        if parameter.get("in") == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(example))
        elif example is not None:
            query.append(f"{parameter['name']}={quote(str(example), safe=',:')}")
    address = base + path + ("?" + "&".join(query) if query else "")
    parts = ["curl -sS", f"-X {method.upper()}" if method != "get" else "", shlex.quote(address)]
    if operation["security"] == [{"client": []}]:
        parts.append('-u "$CLIENT_ID:$CLIENT_SECRET"')
    elif operation["security"] != [{}]:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    for content_type, content in operation.get("requestBody", {}).get("content", {}).items():
        if "examples" not in content:
            # A file; the first type stands for the others.
            return " \\\n  ".join([*filter(None, parts), f"-H 'Content-Type: {content_type}'", "--data-binary @FILE"])
        value = next(iter(content["examples"].values()))["value"]
        if content_type == "application/json":
            parts += ["-H 'Content-Type: application/json'", f"--data-binary {shlex.quote(_body(value))}"]
        else:
            parts += [f"--data-urlencode {shlex.quote(f'{name}={text}')}" for name, text in value.items()]
    return " \\\n  ".join(filter(None, parts))


def _parameters(operation: Json) -> str:
    rows = "".join(
        f"<tr><td><code>{p['name']}</code>{' *' if p['required'] else ''}<td>{_prose(p['description'])}"
        for p in operation["parameters"]
        if "name" in p
    )
    return f"<table>{rows}</table>" if rows else ""


def _operation(base: str, method: str, path: str, operation: Json) -> str:
    scopes = [scope for entry in operation["security"] for scope in entry.get("oauth2", [])]
    well = next(response for status, response in operation["responses"].items() if status < "300")
    answers = "".join(
        f"<p>{escape(example['summary'])}<pre><code>{escape(_body(example['value']))}</code></pre>"
        for content in well["content"].values()
        for example in content.get("examples", {}).values()
    )
    refusals = "".join(
        f"<tr><td>{status}<td>{_prose(response['description'])}"
        for status, response in operation["responses"].items()
        if status >= "400"
    )
    return (
        f'<details id="{operation["operationId"]}"><summary><b>{method.upper()}</b> <code>{escape(path)}</code> '
        f"{escape(operation['summary'])}</summary>{_prose(operation['description'])}"
        + (f"<p>Quyền / Scope: <code>{'</code> <code>'.join(scopes)}</code>" if scopes else "")
        + f"{_parameters(operation)}<pre><code>{escape(_curl(base, method, path, operation))}</code></pre>{answers}"
        f"<table>{refusals}</table></details>"
    )


def documentation(document: Json, base: str) -> str:
    """Give the whole page; `base` is the public address that the curl lines name."""
    sections = []
    for tag in document["tags"]:
        operations = "".join(
            _operation(base, method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if tag["name"] in operation["tags"]
        )
        sections.append(f"<section><h2>{escape(tag['description'])}</h2>{operations}</section>")
    title = f'<h1>{document["info"]["title"]}</h1><p><a href="/openapi.json">OpenAPI 3.1</a> · '
    title += '<a href="/problems">Mã lỗi / Problem codes</a></p>'
    return _page("Từng Nhà · API", title + _prose(document["info"]["description"]) + "".join(sections))


def problem_page(title: str, meanings: list[ProblemMeaning]) -> str:
    """Give a page with what each of these codes means."""
    rows = "".join(
        f'<tr><td><a href="{escape(one.type)}"><code>{one.code}</code></a><td>{one.status}'
        f'<td>{escape(one.vi)}<br><span lang="en">{escape(one.en)}</span>'
        for one in meanings
    )
    return _page(title, f'<h1>{escape(title)}</h1><table>{rows}</table><p><a href="/docs">API</a></p>')
