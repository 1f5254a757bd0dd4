"""Codes by their aliases."""

from libs.common.spellings import Spellings

CITIZEN_APP = ("e-ĐồngTháp", "e-ĐongThap")


def test_an_alias_is_taken_as_the_code_however_it_is_written() -> None:
    platforms = Spellings()
    platforms.take("e-dongthap", CITIZEN_APP)
    platforms.take("vneid", ("VneID",))
    for told in ("e-ĐongThap", "E-ĐONGTHAP", "e-Đo\u0302\u0300ngTha\u0301p", "e-dongthap"):
        assert platforms.code_of(told) == "e-dongthap", told
    assert platforms.code_of("VneID") == platforms.code_of("VNeID") == "vneid"


def test_what_is_no_alias_stays_what_it_was() -> None:
    platforms = Spellings()
    platforms.take("vneid", ("VneID",))
    assert platforms.code_of("zalo") == "zalo"


def test_an_alias_that_was_taken_back_means_nothing_any_more() -> None:
    platforms = Spellings()
    platforms.take("e-dongthap", CITIZEN_APP)
    platforms.take("e-dongthap", ())
    assert platforms.code_of("e-ĐongThap") == "e-ĐongThap"


def test_a_code_always_means_itself() -> None:
    platforms = Spellings()
    platforms.take("voso", ("postmart",))
    platforms.take("postmart", ())
    assert platforms.code_of("postmart") == "postmart"
