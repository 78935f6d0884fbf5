from __future__ import annotations

import stat
from pathlib import Path

import pytest

from spaceport.errors import Misconfigured
from spaceport.sealing import Keyring, Place, Unsealable, key_file, write_new_key

HERE = Place("secrets", "a" * 24, "TOKEN", 3)


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    return Keyring.load_or_create(tmp_path / "keys")


def test_what_is_sealed_opens_at_its_place(ring: Keyring) -> None:
    sealed = ring.seal(b"geheim \x01\n", HERE)
    assert b"geheim" not in sealed
    assert ring.open(sealed, HERE) == b"geheim \x01\n"
    assert ring.seal(b"same", HERE) != ring.seal(b"same", HERE)


@pytest.mark.req("KEY-01")
@pytest.mark.parametrize(
    "elsewhere",
    [
        Place("facts", "a" * 24, "TOKEN", 3),
        Place("secrets", "b" * 24, "TOKEN", 3),
        Place("secrets", "a" * 24, "OTHER", 3),
        Place("secrets", "a" * 24, "TOKEN", 2),
        Place("secretsa", "a" * 23, "TOKEN", 3),
    ],
)
def test_it_opens_nowhere_else(ring: Keyring, elsewhere: Place) -> None:
    with pytest.raises(Unsealable, match="changed, or belongs somewhere else"):
        ring.open(ring.seal(b"x", HERE), elsewhere)


@pytest.mark.req("KEY-01")
def test_every_flipped_byte_is_noticed(ring: Keyring) -> None:
    sealed = ring.seal(b"value", HERE)
    for index in range(len(sealed)):
        broken = bytearray(sealed)
        broken[index] ^= 1
        with pytest.raises(Unsealable):
            ring.open(bytes(broken), HERE)


def test_the_file_is_ours_alone_and_the_keyring_shows_no_key(ring: Keyring) -> None:
    path = key_file(ring.folder, ring.current)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_text().strip() not in repr(ring)
    assert Keyring.load_or_create(ring.folder).open(ring.seal(b"x", HERE), HERE) == b"x"


@pytest.mark.req("KEY-02")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_key_that_others_can_read_is_refused(ring: Keyring, mode: int) -> None:
    key_file(ring.folder, ring.current).chmod(mode)
    with pytest.raises(Misconfigured, match="can be read by others"):
        Keyring.load(ring.folder)


@pytest.mark.req("KEY-02")
@pytest.mark.parametrize("content", ["", "not base64!", "c2hvcnQ=", "A" * 44])
def test_a_damaged_key_is_refused_and_kept(ring: Keyring, content: str) -> None:
    path = key_file(ring.folder, ring.current)
    path.write_text(content)
    with pytest.raises(Misconfigured):
        Keyring.load_or_create(ring.folder)
    assert path.read_text() == content
    assert len(list(ring.folder.iterdir())) == 1


def test_two_keys_without_word_which_is_current_are_refused(ring: Keyring) -> None:
    write_new_key(ring.folder)
    with pytest.raises(Misconfigured):
        Keyring.load(ring.folder)


def test_a_key_added_later_is_found_when_needed(ring: Keyring) -> None:
    other = Keyring.load(ring.folder, ring.current)
    assert other is not None
    other.use(write_new_key(ring.folder))
    assert ring.open(other.seal(b"new", HERE), HERE) == b"new"
    with pytest.raises(ValueError, match="current key"):
        other.forget(other.current)
    other.forget(ring.current)
    assert other.ids_on_disk() == {other.current}
