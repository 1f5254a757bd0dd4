"""Large bodies come in by a few places, and none is held for ever."""

import asyncio

import pytest
from starlette.requests import Request
from starlette.types import Message

from libs.common.http import Lane
from libs.common.problem import Problem


def _request(*chunks: bytes, ends: bool = True) -> Request:
    left = list(chunks)

    async def receive() -> Message:
        if not left and not ends:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left) or not ends}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def test_a_place_is_given_back_whatever_happens_in_it() -> None:
    lane = Lane(places=2)
    with pytest.raises(ZeroDivisionError), lane.place():
        raise ZeroDivisionError
    with lane.place(), lane.place():
        with pytest.raises(Problem) as caught, lane.place():
            pass
        assert (caught.value.code, caught.value.headers["retry-after"]) == ("bulk_busy", "2")
    with lane.place(), lane.place():
        pass


async def test_a_body_is_read_whole_up_to_the_limit() -> None:
    assert await Lane().read(_request(b"ab", b"c"), 3) == b"abc"
    with pytest.raises(Problem) as caught:
        await Lane().read(_request(b"ab", b"c"), 2)
    assert caught.value.code == "body_too_large"


async def test_a_body_that_takes_too_long_to_come_is_given_up() -> None:
    with pytest.raises(Problem) as caught:
        await Lane(body_seconds=0.01).read(_request(b"ab", ends=False), 3)
    assert caught.value.code == "body_incomplete"
