"""An answer is kept while the revision it names is current, for who asked it, and never longer than said."""

import asyncio
import time

from services.gateway.api.keeping import Keeper, Key, Question
from services.gateway.clients import Answer
from tests.unit.gateway.door import Door, open_door

QUESTION = "/v1/metrics?measures=FLD-07&from=2025-05-01&to=2025-05-31"
REVISION = "/v1/metrics/revision"


def at_revision(door: Door, revision: str, answer: bytes) -> None:
    door.answer = answer
    door.answer_headers = {"content-type": "application/json", "etag": f'"{revision}"', "x-revision": revision}


def key(target: str) -> Key:
    return ("portal", None, frozenset(), "", target)


def asked(door: Door) -> list[str]:
    return [noted.path for noted in door.noted]


async def read(door: Door, path: str = QUESTION, **headers: str) -> tuple[int, bytes, str]:
    async with door.session.get(path, headers={**door.authorized("metrics:read"), **headers}) as response:
        assert "x-revision" not in response.headers
        return response.status, await response.read(), response.headers.get("etag", "")


async def test_the_same_question_is_asked_upstream_once_while_its_revision_is_current() -> None:
    async with open_door() as door:
        at_revision(door, "1", b"first")
        answers = {await read(door) for _ in range(5)}
        assert answers == {(200, b"first", '"1"')}
        assert asked(door).count(QUESTION) == 1


async def test_a_new_revision_is_answered_within_the_time_said() -> None:
    async with open_door(fresh_seconds=0.05) as door:
        at_revision(door, "1", b"first")
        await read(door)
        at_revision(door, "2", b"second")
        async with asyncio.timeout(2):
            while (await read(door))[1] == b"first":
                pass
        assert await read(door) == (200, b"second", '"2"')


async def test_an_answer_whose_revision_is_still_current_is_given_long_after() -> None:
    async with open_door(fresh_seconds=0.01) as door:
        at_revision(door, "1", b"first")
        await read(door)
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            assert (await read(door))[1] == b"first"
        assert asked(door).count(QUESTION) == 1
        assert REVISION in asked(door)


async def test_whoever_has_the_kept_answer_is_told_so_without_a_body() -> None:
    async with open_door() as door:
        at_revision(door, "1", b"first")
        first = await read(door, **{"if-none-match": '"1"'})
        again = await read(door, **{"if-none-match": '"1"'})
        assert first == again == (304, b"", '"1"')
        assert asked(door).count(QUESTION) == 1


async def test_an_answer_kept_for_one_client_or_set_of_rights_is_not_given_to_another() -> None:
    async with open_door() as door:
        door.issuer.client("portal")
        at_revision(door, "1", b"first")
        await read(door)
        at_revision(door, "1", b"another's")
        other = door.authorized("metrics:read", client="portal")
        exact = door.authorized("metrics:read", "metrics:exact")
        for headers in (other, exact):
            async with door.session.get(QUESTION, headers=headers) as response:
                assert await response.read() == b"another's"
        assert (await read(door))[1] == b"first"


async def test_many_who_ask_the_same_at_once_cause_one_question() -> None:
    async with open_door() as door:
        at_revision(door, "1", b"first")
        door.delay_seconds = 0.1
        answers = await asyncio.gather(*(read(door) for _ in range(20)))
        assert {body for _, body, _ in answers} == {b"first"}
        assert asked(door).count(QUESTION) == 1


async def test_an_error_is_not_kept() -> None:
    async with open_door() as door:
        at_revision(door, "1", b"{}")
        door.status = 422
        assert (await read(door))[0] == 422
        door.status = 200
        assert (await read(door))[0] == 200


async def test_nothing_is_kept_where_that_was_said() -> None:
    async with open_door(fresh_seconds=0) as door:
        at_revision(door, "1", b"first")
        await read(door)
        await read(door)
        assert asked(door) == [QUESTION, QUESTION]


async def test_the_least_lately_used_answer_goes_first() -> None:
    keeper, asked = Keeper(60, max_bytes=25), list[str]()

    async def ask(name: str) -> Answer:
        async def answer() -> Answer:
            asked.append(name)
            return Answer(200, {}, name.encode() * 10, "1")

        async def revision() -> str:
            return "1"

        return (await keeper.answer(Question(key(name), answer, revision))).answer

    for name in "abacabc":
        assert (await ask(name)).body == name.encode() * 10
    assert asked == ["a", "b", "c", "b", "c"]


async def test_what_is_asked_for_is_renewed_before_anybody_has_to_wait() -> None:
    now, revision, upstream = 0.0, "1", asyncio.Event()
    keeper = Keeper(2, clock=lambda: now)

    async def ask() -> Answer:
        await upstream.wait()
        return Answer(200, {}, revision.encode(), revision)

    async def ask_revision() -> str:
        return revision

    question = Question(key("q"), ask, ask_revision)
    upstream.set()
    assert (await keeper.answer(question)).answer.body == b"1"
    upstream.clear()
    revision, now = "2", 1.5
    assert keeper.at_hand(question.key) is None
    # Past half its time it is renewed, and given all the same while that takes.
    assert (await keeper.answer(question)).answer.body == b"1"
    upstream.set()
    for _ in range(100):
        await asyncio.sleep(0)
    renewed = keeper.at_hand(question.key)
    assert renewed is not None
    assert renewed.answer.body == b"2"


async def test_an_answer_past_its_time_is_waited_for() -> None:
    now, revision = 0.0, "1"
    keeper = Keeper(2, clock=lambda: now)

    async def ask() -> Answer:
        return Answer(200, {}, revision.encode(), revision)

    async def ask_revision() -> str:
        return revision

    question = Question(key("q"), ask, ask_revision)
    assert (await keeper.answer(question)).answer.body == b"1"
    revision, now = "2", 2.5
    assert (await keeper.answer(question)).answer.body == b"2"


async def test_while_every_answer_has_another_revision_each_is_still_given_for_the_time_said() -> None:
    async with open_door(fresh_seconds=60) as door:
        at_revision(door, "1", b"first")
        await read(door)
        at_revision(door, "2", b"second")
        other = QUESTION + "&group_by=measure"
        assert (await read(door, other))[1] == b"second"
        assert (await read(door))[1] == b"first"
        assert asked(door) == [QUESTION, other]
