"""The server's own keys (SSH-13)."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from gitserver.ssh.hostkeys import open_host_keys, read_host_keys
from spaceport.errors import Misconfigured

ED25519, RSA = "ssh_host_ed25519_key", "ssh_host_rsa_key"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys made under the most careless umask."""
    made = tmp_path_factory.mktemp("data") / "keys"
    before = os.umask(0)
    try:
        open_host_keys(made)
    finally:
        os.umask(before)
    return made


@pytest.mark.req("SSH-13")
def test_they_are_made_once_and_are_ours_alone(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [ED25519, RSA]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = open_host_keys(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [key.key.get_name() for key in again] == ["ssh-ed25519", "ssh-rsa"]
    assert again[1].key.get_bits() == 3072


@pytest.mark.req("SSH-13")
def test_they_are_what_ssh_keygen_reads(folder: Path) -> None:
    for key, name in zip(read_host_keys(folder), (ED25519, RSA), strict=True):
        shown = subprocess.run(["ssh-keygen", "-lf", folder / name], capture_output=True, text=True)
        assert shown.stdout.split()[1] == key.fingerprint
        public = subprocess.run(
            ["ssh-keygen", "-yf", folder / name], capture_output=True, text=True
        )
        assert public.stdout.split()[:2] == key.line.split()


@pytest.mark.req("SSH-13")
def test_no_moment_at_which_others_could_read_one(tmp_path: Path) -> None:
    """As the system saw it: created with 0600, written, synced, renamed; no chmod."""
    trace = tmp_path / "trace"
    program = (
        "import os, sys; os.umask(0); from pathlib import Path; "
        "from gitserver.ssh.hostkeys import open_host_keys; open_host_keys(Path(sys.argv[1]))"
    )
    calls = "openat,open,creat,chmod,fchmod,fchmodat,fsync,rename,renameat,renameat2"
    import sys

    done = subprocess.run(
        ["strace", "-f", "-o", trace, "-e", f"trace={calls}", sys.executable, "-c", program,
         tmp_path / "keys"],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    assert done.returncode == 0, done.stderr
    lines = [line for line in trace.read_text().splitlines() if "keys" in line or "fsync" in line]
    made = [line for line in lines if "O_CREAT" in line]
    assert len(made) == 2 and all("O_EXCL" in line and "0600" in line for line in made)
    assert not [line for line in lines if "chmod" in line]
    order = [
        "create" if "O_CREAT" in line else "sync" if "fsync" in line else "rename"
        for line in lines
        if "O_CREAT" in line or "fsync" in line or "rename" in line
    ]
    assert order == ["create", "sync", "rename", "sync"] * 2


@pytest.mark.req("SSH-13")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(folder: Path, mode: int) -> None:
    (folder / RSA).chmod(mode)
    try:
        with pytest.raises(Misconfigured, match="read by others") as refused:
            open_host_keys(folder)
        assert refused.value.hint == f"chmod 600 {folder / RSA}"
    finally:
        (folder / RSA).chmod(0o600)


def test_a_damaged_key_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    for damage in (b"", b"nonsense", (folder / ED25519).read_bytes()[:200]):
        (keys / ED25519).write_bytes(damage)
        (keys / ED25519).chmod(0o600)
        with pytest.raises(Misconfigured, match="damaged"):
            open_host_keys(keys)
        assert (keys / ED25519).read_bytes() == damage


def test_a_link_is_no_key_and_a_cut_start_no_harm(folder: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    (keys / ED25519).symlink_to(folder / ED25519)
    with pytest.raises(Misconfigured, match="plain file"):
        open_host_keys(keys)
    (keys / ED25519).unlink()
    (keys / "ssh_host_ed25519_key.new").write_text("half a k")
    (keys / RSA).write_bytes((folder / RSA).read_bytes())
    (keys / RSA).chmod(0o600)
    assert len(read_host_keys(keys)) == 1  # looking makes nothing
    assert len(open_host_keys(keys)) == 2
    assert sorted(path.name for path in keys.iterdir()) == [ED25519, RSA]
