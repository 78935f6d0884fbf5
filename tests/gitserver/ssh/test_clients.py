"""git and ssh as people have them, against the server."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from config.ssh import SshSettings
from gitserver.access import Admission
from gitserver.ssh.command import Operation
from gitserver.ssh.packetizer import GuardedPacketizer
from spaceport.actor import Actor
from tests.gitserver.ssh.serving import SshPlace, serving
from tests.gitserver.writing import commit, fsck, git


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_clone_push_fetch_and_shallow(
    place: SshPlace, ann: Path, tmp_path: Path, version: str
) -> None:
    env = place.env(ann)
    protocol = ("-c", f"protocol.version={version}")
    work, other = tmp_path / "work", tmp_path / "other"
    git(*protocol, "clone", "-q", place.url, work, cwd=tmp_path, **env)
    git(*protocol, "clone", "-q", f"{place.url}.git", other, cwd=tmp_path, **env)
    new = commit(work, {f"app{version}.py": "print()\n"})
    git(*protocol, "push", "-q", "origin", "main", cwd=work, **env)
    assert place.repositories.refs("a" * 24).ids["refs/heads/main"] == new
    git(*protocol, "fetch", "-q", "origin", cwd=other, **env)
    assert git("rev-parse", "origin/main", cwd=other) == new
    shallow = tmp_path / "shallow"
    git(*protocol, "clone", "-q", "--depth", "1", place.url, shallow, cwd=tmp_path, **env)
    assert git("rev-list", "--count", "HEAD", cwd=shallow) == "1"
    git(*protocol, "fetch", "-q", "--unshallow", cwd=shallow, **env)
    assert git("push", "origin", "main", cwd=work, **env) == ""  # there is nothing to push
    git(*protocol, "push", "-q", "origin", "HEAD:refs/heads/gone", cwd=work, **env)
    git(*protocol, "push", "-q", "origin", ":refs/heads/gone", cwd=work, **env)
    assert fsck(place.repository) == ""


def test_the_short_form_of_the_address(place: SshPlace, ann: Path, tmp_path: Path) -> None:
    env = place.env(ann, "-p", str(place.port))
    git("clone", "-q", "git@127.0.0.1:spaces/ann/x", "x", cwd=tmp_path, **env)
    assert (tmp_path / "x" / "README.md").exists()


def test_what_the_hooks_say_is_heard(place: SshPlace, ann: Path, tmp_path: Path) -> None:
    env = place.env(ann)
    git("clone", "-q", place.url, "w", cwd=tmp_path, **env)
    commit(tmp_path / "w", {"b.txt": "b"})
    place.hooks.lines = ["Your Space is at http://ann-x.localhost"]
    done = subprocess.run(
        ["git", "push", "origin", "main"],
        cwd=tmp_path / "w",
        env={"PATH": "/usr/bin:/bin", **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    place.hooks.lines = []
    assert done.returncode == 0 and "remote: Your Space is at http://ann-x.localhost" in done.stderr
    pushed = place.hooks.announced[-1]
    assert pushed.actor_id == "id-ann" and pushed.address == "127.0.0.1"


@pytest.mark.parametrize(
    "options", [("-t", "ed25519"), ("-t", "ecdsa"), ("-t", "rsa", "-b", "3072")]
)
def test_a_greeting_and_no_shell(place: SshPlace, options: tuple[str, ...]) -> None:
    done = place.run(place.key("ann", *options), options=("-T",))
    assert done.returncode == 1
    assert "Hi ann!" in done.stderr and "no shell" in done.stderr


@pytest.mark.req("SSH-05")
def test_a_short_rsa_key_opens_nothing(place: SshPlace) -> None:
    done = place.run(place.key("ann", "-t", "rsa", "-b", "2048"), options=("-T",))
    assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr


@pytest.mark.req("SSH-11")
def test_who_may_do_what_is_as_over_http(
    place: SshPlace, ann: Path, bob: Path, unknown: Path, tmp_path: Path
) -> None:
    secret = place.url.replace("ann/x", "ann/secret")
    absent = place.url.replace("ann/x", "ann/absent")
    git("ls-remote", secret, cwd=tmp_path, **place.env(ann))
    said = [git("ls-remote", url, cwd=tmp_path, ok=False, **place.env(bob))
            for url in (secret, absent)]  # fmt: skip
    assert said[0] == said[1] and "Repository not found" in said[0]
    said = [git("ls-remote", url, cwd=tmp_path, ok=False, **place.env(unknown))
            for url in (secret, absent)]  # fmt: skip
    assert said[0] == said[1] and "You are anonymous" in said[0]
    git("clone", "-q", place.url, "x", cwd=tmp_path, **place.env(unknown))
    commit(tmp_path / "x", {"c.txt": "c"})
    for key in (bob, unknown):
        git("push", "origin", "main", cwd=tmp_path / "x", ok=False, **place.env(key))


def test_an_unknown_key_is_anonymous_or_refused(
    place: SshPlace, unknown: Path, tmp_path: Path
) -> None:
    done = place.run(unknown, options=("-T",))
    assert done.returncode == 1 and "Hi anonymous!" in done.stderr
    with serving(tmp_path, SshSettings(anonymous=False)) as strict:
        done = strict.run(strict.key(), options=("-T",))
        assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr


def test_git_lfs_asks_for_a_ticket(place: SshPlace, ann: Path, tmp_path: Path) -> None:
    done = place.run(ann, "git-lfs-authenticate 'spaces/ann/x' download")
    assert done.returncode == 1 and "git-lfs" in done.stderr

    def tickets(
        actor: Actor, admission: Admission, operation: Operation, *, fingerprint: str
    ) -> Mapping[str, Any]:
        href = f"http://localhost/{admission.label}.git/info/lfs?{operation}"
        return {"href": href, "header": {"Authorization": actor.name}, "expires_in": 1800}

    with serving(tmp_path, tickets=tickets) as lfs:
        key, reader = lfs.key("ann"), lfs.key("bob")
        done = lfs.run(key, "git-lfs-authenticate /spaces/ann/x.git upload")
        assert done.returncode == 0 and '"expires_in": 1800' in done.stdout
        assert "x.git/info/lfs?upload" in done.stdout and '"Authorization": "ann"' in done.stdout
        assert lfs.run(reader, "git-lfs-authenticate spaces/ann/x upload").returncode == 1
        assert lfs.run(reader, "git-lfs-authenticate spaces/ann/x download").returncode == 0


@pytest.mark.req("SSH-18")
@pytest.mark.parametrize("who", ["client", "server"])
def test_keys_are_exchanged_anew_during_a_transfer(
    place: SshPlace, ann: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    env = place.env(ann, "-oRekeyLimit=1M" if who == "client" else "-oRekeyLimit=default")
    if who == "server":
        monkeypatch.setattr(GuardedPacketizer, "REKEY_BYTES", 2**20)
    git("clone", "-q", place.url, "w", cwd=tmp_path, **env)
    work = tmp_path / "w"
    commit(work, {f"big{n}.bin": random.Random(n).randbytes(1_500_000) for n in range(2)})
    git("push", "-q", "origin", "main:refs/heads/big", cwd=work, **env)
    git("clone", "-q", "-b", "big", place.url, "again", cwd=tmp_path, **env)
    assert (tmp_path / "again" / "big1.bin").stat().st_size == 1_500_000
    git("push", "-q", "origin", ":refs/heads/big", cwd=work, **env)


def test_several_commands_on_one_connection(place: SshPlace, ann: Path, tmp_path: Path) -> None:
    control = ("-oControlMaster=auto", f"-oControlPath={tmp_path}/c", "-oControlPersist=30")
    env = place.env(ann, *control)
    git("clone", "-q", place.url, "first", cwd=tmp_path, **env)
    before = len(place.server.connections)
    running = [
        subprocess.Popen(
            ["git", "clone", "-q", place.url, str(tmp_path / f"c{number}")],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **env},
            stderr=subprocess.PIPE,
        )
        for number in range(6)
    ]
    assert [each.communicate(timeout=60)[1] for each in running] == [b""] * 6
    assert len(place.server.connections) <= before
    place.run(ann, options=(f"-oControlPath={tmp_path}/c", "-Oexit"))
