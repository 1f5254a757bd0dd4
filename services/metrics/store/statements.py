"""Statements and their words: read whole, as there are few; written by revision."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from libs.common.db import Connection
from services.metrics.domain.statements import Part, Said, Source, Statement, Wording, Words

__all__ = ["lock", "read_revision", "read_said", "save_statements", "save_words"]

COLUMNS = (
    "id, source, indicator, qualifier, value, unit_of_count, denominator, shape, since, as_of, due, part, level, "
    "province_code, unit_codes, sum_of, flags, note"
)

NAMES = COLUMNS.split(", ")


async def lock(connection: Connection) -> None:
    """Let one writer at a time compare and append, until its transaction ends."""
    await connection.execute("SELECT n FROM statements_revision FOR UPDATE")


async def read_revision(connection: Connection) -> int:
    """Give the revision of the statements."""
    revision: int = await connection.fetchval("SELECT n FROM statements_revision")
    return revision


async def read_said(connection: Connection) -> Said:
    """Give every statement at its newest revision, and the words; the caller's transaction makes it one snapshot."""
    revision = await read_revision(connection)
    rows = await connection.fetch(
        f"SELECT DISTINCT ON (id) revision, {COLUMNS} FROM statements ORDER BY id, revision DESC"
    )
    words = await connection.fetch("SELECT kind, code, vi, en, day FROM statement_words")
    return Said(
        revision,
        _words(words),
        {row["id"]: (row["revision"], _statement({name: row[name] for name in NAMES})) for row in rows},
    )


def _statement(values: Mapping[str, Any]) -> Statement:
    told: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return Statement(**told)


def _words(rows: Sequence[Any]) -> Words:
    told: dict[str, dict[str, Any]] = {"sources": {}, "parts": {}, "caveats": {}, "units": {}}
    for kind, code, vi, en, day in rows:
        names = Wording(vi, en)
        if kind == "sources":
            told[kind][code] = Source(code, names, day)
        else:
            told[kind][code] = Part(code, names, day) if kind == "parts" else names
    return Words(**told)


async def save_statements(connection: Connection, changed: Iterable[tuple[int, Statement]]) -> None:
    """Append revisions of statements."""
    rows = [{"revision": revision, **asdict(statement)} for revision, statement in changed]
    await connection.execute(
        f"""INSERT INTO statements (revision, {COLUMNS})
            SELECT revision, {COLUMNS} FROM json_to_recordset($1::json) AS told (
                revision integer, id text, source text, indicator text, qualifier text, value numeric,
                unit_of_count text, denominator text, shape text, since date, as_of date, due date, part text,
                level text, province_code text, unit_codes text[], sum_of text[], flags text[], note text
            )""",
        json.dumps(rows, default=str),
    )
    await connection.execute("UPDATE statements_revision SET n = n + 1")


async def save_words(connection: Connection, words: Words) -> bool:
    """Take words, each in place of the one with its code; says whether any was new or changed."""
    rows = [(s.code, "sources", s.names, s.said_on) for s in words.sources.values()]
    rows += [(p.code, "parts", p.names, p.valid_to) for p in words.parts.values()]  # type: ignore[misc]
    rows += [(code, "caveats", names, None) for code, names in words.caveats.items()]  # type: ignore[misc]
    rows += [(code, "units", names, None) for code, names in words.units.items()]  # type: ignore[misc]
    changed = await connection.fetch(
        """INSERT INTO statement_words (code, kind, vi, en, day)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[])
           ON CONFLICT (kind, code) DO UPDATE SET vi = excluded.vi, en = excluded.en, day = excluded.day
           WHERE (statement_words.vi, statement_words.en) <> (excluded.vi, excluded.en)
              OR statement_words.day IS DISTINCT FROM excluded.day
           RETURNING code""",
        [code for code, *_ in rows],
        [kind for _, kind, *_ in rows],
        [names.vi for *_, names, _ in rows],
        [names.en for *_, names, _ in rows],
        [day for *_, day in rows],
    )
    if changed:
        await connection.execute("UPDATE statements_revision SET n = n + 1")
    return bool(changed)
