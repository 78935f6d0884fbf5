"""Secrets as files and as environment in containers of either engine (5.8, KEY-06, KEY-07)."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.secret_files import APP_UID, MEMORY, SecretFiles
from spaceport.engine import EngineInfo
from spaceport.errors import Misconfigured
from tests.contracts.conftest import Rig
from tests.processes import arguments_holding

EVERYTHING = "".join(map(chr, range(1, 256))) + "\n\r\t😀"
CANARY = "canary-3f0c7d91-in-a-container"
LOOK = """
import hashlib, json, os
def told(data): return hashlib.sha256(data).hexdigest()
found = {}
for name in os.listdir("/run/secrets"):
    path = "/run/secrets/" + name
    found[name] = [told(open(path, "rb").read()), told(os.environb[name.encode()])]
    try:
        open(path, "w")
        found[name].append("writable")
    except OSError:
        pass
print(json.dumps(found))
"""
WAIT = "import time; print('up'); time.sleep(60)"


@pytest.fixture
def files(rig: Rig) -> Iterator[SecretFiles]:
    instance = f"test-{rig.kind}"
    made = SecretFiles(instance)
    made.learn(rig.engine.probe())
    yield made
    shutil.rmtree(MEMORY / f"spaceport-{instance}-secrets", ignore_errors=True)


@pytest.mark.req("KEY-07")
def test_every_character_arrives_as_it_is(rig: Rig, files: SecretFiles) -> None:
    values = {"EVERYTHING": EVERYTHING, "EMPTY": "", "LARGE": "x" * 64 * 1024}
    files.lay("r1", values)
    (said,) = rig.printed(LOOK, env=values, mounts=files.mount("r1", values))
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in values.items()}
    assert json.loads(said) == {name: [digest, digest] for name, digest in hashes.items()}


@pytest.mark.req("KEY-06")
def test_no_process_has_a_value_among_its_arguments(rig: Rig, files: SecretFiles) -> None:
    values = {"TOKEN": CANARY}
    files.lay("r1", values)
    handle = rig.started(WAIT, env=values, mounts=files.mount("r1", values))
    assert next(iter(rig.engine.logs(handle))).text == "up"
    assert arguments_holding(CANARY) == []
    assert CANARY not in str(rig.engine.inspect(handle))


def test_files_end_with_their_replica_and_tell_its_values(tmp_path: Path) -> None:
    files = SecretFiles("i1", memory=tmp_path)
    root = tmp_path / "spaceport-i1-secrets"
    files.lay("r1", {"A": "1\n2", "B": ""})
    files.lay("r1", {"A": "3"})  # again, after a start that was lost
    files.lay("r2", {"A": "4"})
    assert (root.stat().st_mode & 0o777, files.values("r1")) == (0o700, ("3",))
    assert (root / "r1" / "A").stat().st_mode & 0o222 == 0
    assert files.laid() == {"r1", "r2"}
    files.discard("r1")
    files.discard("r1")
    assert (files.laid(), files.values("r1")) == ({"r2"}, ())
    assert files.mount("r3", {}) == ()


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    files = SecretFiles("i1", memory=tmp_path)
    (tmp_path / "spaceport-i1-secrets").mkdir(mode=0o755)
    with pytest.raises(Misconfigured, match="not a folder of Spaceport's own"):
        files.lay("r1", {"A": "1"})
    (tmp_path / "spaceport-i1-secrets").rmdir()
    (tmp_path / "spaceport-i1-secrets").symlink_to(tmp_path)
    with pytest.raises(Misconfigured):
        files.lay("r1", {"A": "1"})
    nowhere = SecretFiles("i1", memory=tmp_path / "absent")
    nowhere.lay("r1", {"A": "1"})
    assert nowhere.mount("r1", {"A": "1"}) == ()


def test_the_owner_is_the_app_only_where_its_user_on_the_host_is_known(tmp_path: Path) -> None:
    def mode(**known: bool) -> int:
        files = SecretFiles("i1", memory=tmp_path)
        files.learn(EngineInfo("docker", "1", **known))
        files.lay("r1", {"A": "1"})
        return (tmp_path / "spaceport-i1-secrets" / "r1" / "A").stat().st_mode & 0o777

    assert mode() == (0o400 if os.geteuid() in (0, APP_UID) else 0o444)
    assert mode(maps_users=True) == 0o444
    far = SecretFiles("i1", memory=tmp_path)
    far.learn(EngineInfo("docker", "1", local=False))
    assert far.mount("r1", {"A": "1"}) == ()
