"""What is planted is found again however it was written down, or finding nothing would prove nothing."""

import json

import pytest

from tests.support.planting import PHONE_SPELLINGS, Garden

WRITTEN = {
    "as it was": lambda text: text,
    "in capitals": str.upper,
    "in JSON": lambda text: json.dumps({"error": f"bad {text}"}),
    "in JSON of letters": lambda text: json.dumps(text, ensure_ascii=False),
    "in a sentence": lambda text: f"Failing row contains ({text}, 3).",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_it_is_found_in_any_form(written: object) -> None:
    assert callable(written)
    garden = Garden()
    texts = [garden.phone(f"phone {n}", n) for n in range(len(PHONE_SPELLINGS))]
    texts += [garden.national_id("number"), garden.name("name")]
    for text, where in zip(texts, garden.planted.values(), strict=True):
        assert list(garden.found_in(written(text)).values()) == [where], text


def test_it_is_found_as_bytes_in_hexadecimal() -> None:
    garden = Garden()
    number, phone = garden.national_id("number"), garden.phone("phone", 0)
    dumped = f"\\\\x{f'a {number} b'.encode().hex()} \\\\x{phone.encode().hex()}"
    assert set(garden.found_in(dumped).values()) == {"number (as bytes)", "phone (as bytes)"}


def test_other_numbers_are_nobodys() -> None:
    garden = Garden()
    garden.national_id("number")
    garden.phone("phone", 0)
    assert garden.found_in("99087085100001 0870851000011 a912900002f 19129000021 2025-05-10T08:30") == {}
