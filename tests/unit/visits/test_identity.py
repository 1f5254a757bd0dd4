"""Identities are checked for form, normalised, and become pseudonyms."""

import hmac
from datetime import date

import pytest

from services.visits.domain.identity import BadIdentity, KeyChain, national_id, phone, surely_under_14


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("0912345678", "+84912345678"),
        ("+84912345678", "+84912345678"),
        ("84912345678", "+84912345678"),
        ("0084 912-345.678", "+84912345678"),
        ("(02773) 851 234", "+842773851234"),
        ("+14155552671", "+14155552671"),
    ],
)
def test_a_phone_number_is_normalised_to_e164(text: str, normal: str) -> None:
    assert phone(text) == normal


@pytest.mark.parametrize(
    "text", ["", "12", "0112345678", "01234567890", "091234567", "+84", "+0912345678", "０912345678"]
)
def test_what_is_no_phone_number_is_refused(text: str) -> None:
    with pytest.raises(BadIdentity):
        phone(text)


@pytest.mark.parametrize("text", ["08708500000", "0870850000011", "08708500000a", "٠٨٧٠٨٥٠٠٠٠٠١", ""])
def test_a_national_id_has_exactly_twelve_digits(text: str) -> None:
    assert national_id("087 085 000 001") == "087085000001"
    with pytest.raises(BadIdentity):
        national_id(text)


@pytest.mark.parametrize(
    ("digits", "day", "under"),
    [
        ("087085000001", date(2025, 5, 1), False),
        ("087211000001", date(2025, 5, 1), False),
        ("087212000001", date(2025, 5, 1), True),
        ("087212000001", date(2026, 1, 1), False),
        ("087320000001", date(2025, 5, 1), True),
    ],
)
def test_only_who_is_surely_under_fourteen_is_taken_for_a_child(digits: str, day: date, under: bool) -> None:
    assert surely_under_14(digits, day) is under


def test_pseudonyms_differ_by_kind_value_and_key_and_hide_the_value() -> None:
    one, two = KeyChain((b"a" * 32,)), KeyChain((b"b" * 32,))
    made = {
        one.pseudonym("phone", "1"),
        one.pseudonym("phone", "2"),
        one.pseudonym("national_id", "1"),
        two.pseudonym("phone", "1"),
    }
    assert len(made) == 4
    assert all(len(pseudonym) == 32 for pseudonym in made)


def test_a_longer_chain_lifts_an_older_pseudonym() -> None:
    old, new = KeyChain((b"a" * 32,)), KeyChain((b"a" * 32, b"b" * 32))
    lifted = hmac.digest(b"b" * 32, bytes.fromhex(old.pseudonym("phone", "1")), "sha256")[:16].hex()
    assert new.pseudonym("phone", "1") == lifted
    assert (old.level, new.level) == (1, 2)


def test_a_short_key_or_none_is_refused() -> None:
    for keys in ((), (b"short",)):
        with pytest.raises(ValueError, match="32 bytes"):
            KeyChain(keys)
