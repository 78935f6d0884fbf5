"""The sealing key of a ledger: its check at start, its rotation, and crashes in it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spaceport.errors import Misconfigured
from spaceport.ledger import Ledger, secrets
from spaceport.ledger.keyring import open_keyring, sealed_fact
from spaceport.ledger.rotation import finish, rotate
from spaceport.ledger.secrets import RESEAL_BATCH
from spaceport.ledger.spaces import Space
from spaceport.sealing import Keyring, Unsealable, key_file

MANY = RESEAL_BATCH * 2 + 3


def fill(ledger: Ledger, keyring: Keyring, space: Space) -> dict[str, str]:
    values = {f"S{number}": f"value {number}" for number in range(MANY)}
    with ledger.write() as tx:
        for name, value in values.items():
            secrets.set_(tx, keyring, space.key, name, value)
    return values


def revealed(ledger: Ledger, keyring: Keyring, space: Space) -> dict[str, str]:
    with ledger.read() as tx:
        return secrets.reveal(tx, keyring, space.key)


@pytest.mark.req("KEY-02")
def test_a_missing_key_is_not_made_anew(ledger: Ledger, keyring: Keyring) -> None:
    key_file(keyring.folder, keyring.current).unlink()
    with pytest.raises(Misconfigured, match="is missing"):
        open_keyring(ledger, keyring.folder)
    assert list(keyring.folder.iterdir()) == []


@pytest.mark.req("KEY-02")
def test_the_key_of_another_installation_is_refused(
    ledger: Ledger, keyring: Keyring, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign"
    Keyring.load_or_create(foreign)
    with pytest.raises(Misconfigured, match="is missing"):
        open_keyring(ledger, foreign)


def test_the_same_folder_opens_again(ledger: Ledger, keyring: Keyring) -> None:
    assert open_keyring(ledger, keyring.folder).current == keyring.current


def test_a_sealed_fact_is_made_once(ledger: Ledger, keyring: Keyring) -> None:
    with ledger.write() as tx:
        made = sealed_fact(tx, keyring, "door")
        assert sealed_fact(tx, keyring, "door") == made and len(made) == 32
    rotate(ledger, keyring)
    with ledger.write() as tx:
        assert sealed_fact(tx, keyring, "door") == made


@pytest.mark.req("KEY-04")
def test_after_a_rotation_the_old_key_opens_nothing(
    ledger: Ledger, keyring: Keyring, space: Space
) -> None:
    values = fill(ledger, keyring, space)
    old_key = key_file(keyring.folder, keyring.current).read_bytes()
    old = keyring.current
    result = rotate(ledger, keyring)
    assert (result.secrets, result.removed) == (MANY, (old,)) and result.key != old
    assert revealed(ledger, open_keyring(ledger, keyring.folder), space) == values

    stolen = keyring.folder.parent / "stolen"
    stolen.mkdir(mode=0o700)
    key_file(stolen, old).touch(0o600)
    key_file(stolen, old).write_bytes(old_key)
    thief = Keyring.load(stolen)
    assert thief is not None
    with pytest.raises(Unsealable):
        revealed(ledger, thief, space)


@pytest.mark.req("KEY-04")
def test_a_server_goes_on_while_a_command_rotates(
    ledger: Ledger, keyring: Keyring, space: Space, database: str
) -> None:
    values = fill(ledger, keyring, space)
    stop = threading.Event()
    failures: list[BaseException] = []

    def serve() -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                with ledger.write() as tx:
                    secrets.set_(tx, keyring, space.key, "LIVE", str(number))
                assert revealed(ledger, keyring, space) == values | {"LIVE": str(number)}
        except BaseException as error:
            failures.append(error)

    server = threading.Thread(target=serve)
    server.start()
    command = Ledger(database)
    for _ in range(3):
        rotate(command, open_keyring(command, keyring.folder))
    stop.set()
    server.join()
    command.close()
    assert failures == []
    with ledger.write() as tx:
        secrets.set_(tx, keyring, space.key, "AFTER", "rotation")
        assert secrets.keys_in_use(tx) == keyring.ids_on_disk() == {keyring.current}


ROTATE = """
import sys
from pathlib import Path
from spaceport.ledger import Ledger
from spaceport.ledger.keyring import open_keyring
from spaceport.ledger.rotation import rotate
ledger = Ledger(sys.argv[1])
rotate(ledger, open_keyring(ledger, Path(sys.argv[2])))
"""


@pytest.mark.req("KEY-04")
@pytest.mark.parametrize("point", ["after-key-file", "after-new-key", "between-secrets"])
def test_a_rotation_that_was_killed_is_taken_up_again(
    ledger: Ledger, keyring: Keyring, space: Space, database: str, point: str
) -> None:
    values = fill(ledger, keyring, space)
    died = subprocess.run(
        [sys.executable, "-c", ROTATE, database, str(keyring.folder)],
        env={**os.environ, "SPACEPORT_FAILPOINTS": f"rotation:{point}=exit"},
        timeout=60,
    )
    assert died.returncode == 137
    assert revealed(ledger, keyring, space) == values
    again = open_keyring(ledger, keyring.folder)
    finish(ledger, again)
    assert revealed(ledger, again, space) == values
    with ledger.read() as tx:
        assert secrets.keys_in_use(tx) == again.ids_on_disk() == {again.current}
