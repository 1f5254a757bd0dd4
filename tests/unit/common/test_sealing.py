"""What is sealed opens only with its key and in its place."""

from pathlib import Path

import pytest

from libs.common.sealing import CannotOpen, Sealed, Sealer, load_sealer

OLD, NEW = b"o" * 32, b"n" * 32


def test_what_was_sealed_opens_in_its_place_and_is_never_the_same_twice() -> None:
    sealer = Sealer((OLD,))
    one, other = sealer.seal(b"Lo Van A", "member/1"), sealer.seal(b"Lo Van A", "member/1")
    assert one.box != other.box
    assert b"Lo Van A" not in one.box
    assert sealer.open(one, "member/1") == b"Lo Van A"


def test_what_was_moved_damaged_or_sealed_by_a_lost_key_does_not_open() -> None:
    sealed = Sealer((OLD,)).seal(b"secret", "member/1")
    for sealer, box, place in (
        (Sealer((OLD,)), sealed.box, "member/2"),
        (Sealer((OLD,)), sealed.box[:-1] + bytes([sealed.box[-1] ^ 1]), "member/1"),
        (Sealer((OLD,)), b"", "member/1"),
        (Sealer((NEW,)), sealed.box, "member/1"),
    ):
        with pytest.raises(CannotOpen):
            sealer.open(Sealed(sealed.key_id, box), place)


def test_after_a_rotation_the_old_opens_still_and_the_new_seals() -> None:
    before, after = Sealer((OLD,)), Sealer((OLD, NEW))
    assert after.open(before.seal(b"secret", "x"), "x") == b"secret"
    assert after.seal(b"secret", "x").key_id != before.key_id
    assert before.digest("phone", b"1") in after.digests("phone", b"1")
    assert after.digest("phone", b"1") != after.digest("code", b"1")


def test_keys_come_from_a_file_and_a_short_one_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{OLD.hex()}\n{NEW.hex()}\n")
    assert load_sealer(file).keys == (OLD, NEW)
    assert OLD.hex() not in repr(load_sealer(file))
    file.write_text("00ff\n")
    with pytest.raises(ValueError, match="32 bytes"):
        load_sealer(file)
