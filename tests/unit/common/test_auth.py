"""A token that nobody vouches for costs little to refuse, whatever it is made of."""

from base64 import urlsafe_b64encode

import pytest

from libs.common.auth import Guard
from libs.common.problem import Problem
from tests.support.callers import Issuer


def _encoded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _refused(guard: Guard, token: str) -> str:
    with pytest.raises(Problem) as caught:
        guard.verify(token)
    return caught.value.code


def test_a_header_nested_without_end_is_not_a_token() -> None:
    assert _refused(Guard("here"), _encoded("[" * 3000) + ".e30.AAAA") == "token_invalid"


def test_a_known_keys_header_nested_to_any_depth_is_not_a_token() -> None:
    guard = Guard("here")
    kid = Issuer(guard).kid
    for depth in range(1, 1300, 3):
        header = f'{{"alg": "Ed25519", "kid": "{kid}", "x": {"[" * depth}{"]" * depth}}}'
        assert _refused(guard, f"{_encoded(header)}.e30.AAAA") == "token_invalid"


def test_a_token_of_more_than_four_kibibytes_is_refused_though_it_is_signed() -> None:
    guard = Guard("here")
    issuer = Issuer(guard)
    issuer.client("app")
    assert guard.verify(issuer.token("app", scopes=["x" * 1000])).client_id == "app"
    token = issuer.token("app", scopes=["x" * 4000])
    assert len(token) > 4096
    assert _refused(guard, token) == "token_invalid"
