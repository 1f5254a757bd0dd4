"""`python -m tests.bench.usual <port> <database> <signing key>`: the same service as it is usually written.

FastAPI, a list of pydantic models, SQLAlchemy's ORM, one commit a request. It stores what ours stores: the visit with
who sent it and when, its lines with keyed pseudonyms instead of identities, a row for the outbox; a visit sent again is
told from its unique id. It neither settles teams and units nor keeps revisions, which is less than ours does.
"""

import hmac
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from pydantic import AwareDatetime, BaseModel, Field
from sqlalchemy import JSON, DateTime, ForeignKey, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from libs.common.auth import ALGORITHM, AUDIENCE

PSEUDONYM_KEY = b"k" * 32


class PersonIn(BaseModel):
    national_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    phone: Annotated[str, Field(pattern=r"^\+?[0-9]{9,15}$")] | None = None


class LineIn(BaseModel):
    line: Annotated[int, Field(ge=1, le=50)]
    measure: Annotated[str, Field(max_length=64)]
    platform: Annotated[str, Field(max_length=64)] | None = None
    quantity: Annotated[int, Field(ge=1, le=10_000)] = 1
    person: PersonIn | None = None


class ConsentIn(BaseModel):
    text: str
    at: AwareDatetime
    how: str


class HouseholdIn(BaseModel):
    ref: Annotated[str, Field(max_length=200)]


class VisitIn(BaseModel):
    id: uuid.UUID
    team: Annotated[str, Field(max_length=64)]
    occurred_at: AwareDatetime
    household: HouseholdIn | None = None
    recorded_by: Annotated[str, Field(max_length=64)] | None = None
    channel: str | None = None
    consent: ConsentIn | None = None
    lines: Annotated[list[LineIn], Field(min_length=1, max_length=50)]


class BatchIn(BaseModel):
    batch_id: uuid.UUID
    device: str
    sent_at: AwareDatetime
    rows: list[VisitIn]


class ReceiptOut(BaseModel):
    index: int
    id: uuid.UUID
    status: str


class BatchOut(BaseModel):
    batch_id: uuid.UUID
    received_at: datetime
    rows: list[ReceiptOut]


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True), dict[str, Any]: JSON}  # noqa: RUF012  as SQLAlchemy has it


class Line(Base):
    __tablename__ = "lines"
    visit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("visits.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    measure: Mapped[str]
    platform: Mapped[str | None]
    quantity: Mapped[int]
    national_id: Mapped[str | None] = mapped_column(index=True)
    phone: Mapped[str | None] = mapped_column(index=True)


class Outbox(Base):
    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    visit_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("visits.id"))
    body: Mapped[dict[str, Any]]


class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    batch_id: Mapped[uuid.UUID] = mapped_column(index=True)
    client_id: Mapped[str]
    device: Mapped[str]
    team: Mapped[str] = mapped_column(index=True)
    household: Mapped[str | None]
    recorded_by: Mapped[str | None]
    channel: Mapped[str | None]
    consent: Mapped[dict[str, Any] | None]
    occurred_at: Mapped[datetime]
    sent_at: Mapped[datetime]
    received_at: Mapped[datetime]
    lines: Mapped[list[Line]] = relationship()
    outbox: Mapped[list[Outbox]] = relationship()


def pseudonym(kind: str, value: str | None) -> str | None:
    if value is None:
        return None
    return hmac.digest(PSEUDONYM_KEY, f"{kind}\0{value}".encode(), "sha256")[:16].hex()


def line_of(line: LineIn) -> Line:
    person = line.person or PersonIn()
    return Line(
        line=line.line,
        measure=line.measure,
        platform=line.platform,
        quantity=line.quantity,
        national_id=pseudonym("national_id", person.national_id),
        phone=pseudonym("phone", person.phone),
    )


def visit_of(row: VisitIn, batch: BatchIn, client_id: str, received_at: datetime) -> Visit:
    lines = [line_of(line) for line in row.lines]
    told = row.model_dump(mode="json", exclude={"lines"})
    told_lines = [
        {"line": line.line, "measure": line.measure, "national_id": line.national_id, "phone": line.phone}
        for line in lines
    ]
    return Visit(
        id=row.id,
        batch_id=batch.batch_id,
        client_id=client_id,
        device=batch.device,
        team=row.team,
        household=row.household.ref if row.household else None,
        recorded_by=row.recorded_by,
        channel=row.channel,
        consent=row.consent.model_dump(mode="json") if row.consent else None,
        occurred_at=row.occurred_at,
        sent_at=batch.sent_at,
        received_at=received_at,
        lines=lines,
        outbox=[Outbox(body={**told, "lines": told_lines})],
    )


def verifier(key: OKPKey) -> Callable[[HTTPAuthorizationCredentials], Awaitable[str]]:
    """Make the dependency that verifies a token and gives its client."""
    claims = jwt.JWTClaimsRegistry(aud={"essential": True, "value": AUDIENCE}, exp={"essential": True})

    async def client(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> str:
        try:
            token = jwt.decode(credentials.credentials, key, algorithms=[ALGORITHM])
            claims.validate(token.claims)
        except (JoseError, ValueError) as error:
            raise HTTPException(401) from error
        if "visits:write" not in token.claims["scope"].split():
            raise HTTPException(403)
        return str(token.claims["sub"])

    return client


async def store(opened: AsyncSession, batch: BatchIn, client_id: str) -> BatchOut:
    received_at = datetime.now(UTC)
    known = set(await opened.scalars(select(Visit.id).where(Visit.id.in_([row.id for row in batch.rows]))))
    opened.add_all(visit_of(row, batch, client_id, received_at) for row in batch.rows if row.id not in known)
    try:
        await opened.commit()
    except IntegrityError as error:
        raise HTTPException(409, "the same visits are being stored: send them again") from error
    receipts = [
        ReceiptOut(index=index, id=row.id, status="duplicate" if row.id in known else "accepted")
        for index, row in enumerate(batch.rows)
    ]
    return BatchOut(batch_id=batch.batch_id, received_at=received_at, rows=receipts)


def build(database_url: str, key: OKPKey) -> FastAPI:
    """Build the application over a database, whose tables it makes."""
    engine = create_async_engine(make_url(database_url).set(drivername="postgresql+asyncpg"), pool_size=10)
    open_session = async_sessionmaker(engine, expire_on_commit=False)
    client = verifier(key)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield
        await engine.dispose()

    async def session() -> AsyncIterator[AsyncSession]:
        async with open_session() as opened:
            yield opened

    app = FastAPI(lifespan=lifespan)

    @app.get("/health/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @app.post("/v1/visits:batch")
    async def send_visits(
        batch: BatchIn,
        client_id: Annotated[str, Depends(client)],
        opened: Annotated[AsyncSession, Depends(session)],
    ) -> BatchOut:
        return await store(opened, batch, client_id)

    return app


if __name__ == "__main__":
    port, database, signing_key = sys.argv[1:]
    app = build(database, OKPKey.import_key(Path(signing_key).read_text()))
    uvicorn.run(app, host="127.0.0.1", port=int(port), access_log=False, log_level="warning", loop="uvloop")
