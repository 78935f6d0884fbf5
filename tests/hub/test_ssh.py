"""A whole Spaceport, a stock ssh, and a key that the command line lets in and out."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from config.settings import Settings
from hub.ssh import Taken, start_ssh
from spaceport.errors import Misconfigured
from tests.e2e.server import Server, git
from tests.hub.conftest import make_context
from tests.waiting import eventually

README = "---\ntitle: Demo\nsdk: static\n---\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(
        tmp_path_factory.mktemp("spaceport"),
        "process",
        {"SPACEPORT__BUILDER__PREWARM": "false", "SPACEPORT__GIT__SSH__LIMITS__RECHECK": "0.2"},
    )
    server.start()
    yield server
    server.stop()


def port_of(server: Server) -> int:
    said = re.findall(r"ssh://git@localhost:(\d+)/spaces/<author>/<name>", server.log)
    return int(said[-1])


class Client:
    """git and ssh with one key and nothing of this machine's configuration."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.key = folder / "id"
        self.passing = TemporaryDirectory()  # git-lfs leaves there what held its sockets
        subprocess.run(
            ["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", self.key, "-C", "laptop"],
            check=True,
        )
        self.words = ["ssh", "-F", "none", "-i", str(self.key)]
        for option in ("IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=accept-new",
                       f"UserKnownHostsFile={folder}/known", "IdentityAgent=none"):  # fmt: skip
            self.words += ["-o", option]

    def url(self, space: str) -> str:
        return f"ssh://git@127.0.0.1:{port_of(self.server)}/spaces/{space}"

    def ssh(self, *options: str) -> subprocess.CompletedProcess[str]:
        words = [*self.words, *options, "-p", str(port_of(self.server)), "git@127.0.0.1"]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )

    def git(self, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *words],
            cwd=cwd or self.folder,
            env={"PATH": "/usr/bin:/bin", "GIT_SSH_COMMAND": " ".join(self.words),
                 "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
                 "HOME": str(self.folder), "TMPDIR": self.passing.name,
                 "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org"},
            capture_output=True,
            text=True,
            timeout=60,
        )  # fmt: skip


@pytest.mark.req("SSH-11")
def test_a_key_opens_git_until_it_is_removed(server: Server, tmp_path: Path) -> None:
    server.create_space("sue/demo", "static")
    server.create_space("sue/closed", "static", visibility="private")
    client = Client(server, tmp_path)
    assert "Hi anonymous!" in client.ssh("-T").stderr
    shown = server.cli("key", "add", "sue", f"{client.key}.pub")
    printed = subprocess.run(["ssh-keygen", "-lf", client.key], capture_output=True, text=True)
    assert shown == printed.stdout.split()[1]
    greeted = client.ssh("-T")
    assert greeted.returncode == 1 and "Hi sue!" in greeted.stderr
    for space in ("sue/demo", "sue/closed"):
        cloned = client.git("clone", client.url(space), space.split("/")[1])
        assert cloned.returncode == 0, cloned.stderr
    work = tmp_path / "closed"
    (work / "README.md").write_text(README)
    (work / "index.html").write_text("<h1>Hello</h1>")
    client.git("add", "-A", cwd=work)
    client.git("commit", "-qm", "An app", cwd=work)
    pushed = client.git("push", "origin", "main", cwd=work)
    assert pushed.returncode == 0, pushed.stderr
    assert "sue-closed.localhost" in pushed.stderr
    info = server.api("GET", "/api/spaces/sue/closed", "sue").json()
    assert info["sha"] == client.git("rev-parse", "HEAD", cwd=work).stdout.strip()
    key_id, name, *_, used = server.cli("key", "list", "sue").split("\t")
    assert name == "laptop" and used != "-"

    control = f"-oControlPath={tmp_path}/control"
    waiting = subprocess.Popen([*client.words, "-oControlMaster=yes", control, "-N", "-p",
                                str(port_of(server)), "git@127.0.0.1"],
                               stderr=subprocess.PIPE)  # fmt: skip
    eventually((tmp_path / "control").exists)
    server.cli("key", "remove", "sue", key_id)
    assert waiting.wait(60) == 255 and waiting.communicate()[1]
    assert client.git("fetch", cwd=work).returncode != 0
    assert client.git("push", client.url("sue/demo"), "main", cwd=work).returncode != 0
    assert client.git("ls-remote", client.url("sue/demo")).returncode == 0  # as anybody may


@pytest.mark.req("LFS-10", "LFS-12")
def test_large_files_over_ssh(server: Server, tmp_path: Path) -> None:
    """The stock git-lfs: a push, a clone and, once the key is gone, neither."""
    server.create_space("lena/large", "static", visibility="private")
    client = Client(server, tmp_path)
    server.cli("key", "add", "lena", f"{client.key}.pub")
    url = client.url("lena/large")
    assert client.git("clone", "-q", url, "w").returncode == 0
    work = tmp_path / "w"
    client.git("lfs", "install", "--local", cwd=work)
    client.git("lfs", "track", "*.bin", cwd=work)
    content = bytes(range(256)) * 20_000
    (work / "a.bin").write_bytes(content)
    client.git("add", "-A", cwd=work)
    client.git("commit", "-qm", "large", cwd=work)
    pushed = client.git("push", "-q", "origin", "main", cwd=work)
    assert pushed.returncode == 0, pushed.stderr
    cloned = client.git("-c", "filter.lfs.smudge=git-lfs smudge -- %f",
                        "-c", "filter.lfs.required=true", "clone", "-q", url, "again")  # fmt: skip
    assert cloned.returncode == 0, cloned.stderr
    assert (tmp_path / "again" / "a.bin").read_bytes() == content
    asked = [*client.words, "-p", str(port_of(server)), "git@127.0.0.1"]
    given = subprocess.run(
        [*asked, "git-lfs-authenticate spaces/lena/large.git download"], capture_output=True
    )
    ticket = json.loads(given.stdout)
    key_id = server.cli("key", "list", "lena").split("\t")[0]
    body = {"operation": "download", "objects": [{"oid": "0" * 64, "size": 1}]}
    headers = {**ticket["header"], "Content-Type": "application/vnd.git-lfs+json"}
    path = "/spaces/lena/large.git/info/lfs/objects/batch"
    sent = json.dumps(body).encode()
    assert server.request("POST", path, headers=headers, body=sent).status == 200
    write = json.dumps({**body, "operation": "upload"}).encode()
    assert server.request("POST", path, headers=headers, body=write).status in (401, 403)
    server.cli("key", "remove", "lena", key_id)
    assert server.request("POST", path, headers=headers, body=sent).status in (401, 403)


@pytest.mark.req("11.12", "11.13", "180")
def test_a_contributor_pushes_to_their_pull_request(server: Server, tmp_path: Path) -> None:
    """With the stock git-lfs, over SSH; and to nothing else."""
    server.create_space("uta/site", "static")
    token, client = server.user("ulf"), Client(server, tmp_path)
    server.cli("key", "add", "ulf", f"{client.key}.pub")
    work, url = tmp_path / "w", client.url("uta/site")
    assert client.git("clone", "-q", url, "w").returncode == 0
    refused = client.git("push", "origin", "HEAD:refs/pr/1", cwd=work)
    assert refused.returncode != 0  # there is none yet, and they may only read
    lines = [{"key": "header", "value": {"summary": "Better"}},
             {"key": "file", "value": {"path": "new.txt", "content": "new"}}]  # fmt: skip
    proposed = server.request(
        "POST", "/api/spaces/uta/site/commit/main?create_pr=1",
        headers={"Authorization": f"Bearer {token}"},
        body="\n".join(map(json.dumps, lines)).encode(),
    )  # fmt: skip
    assert proposed.json()["pullRequestUrl"].endswith("/spaces/uta/site/discussions/1")
    before = server.api("GET", "/api/spaces/uta/site", "uta").json()["sha"]
    client.git("fetch", "-q", "origin", "refs/pr/1", cwd=work)
    client.git("checkout", "-q", "FETCH_HEAD", cwd=work)
    client.git("lfs", "install", "--local", cwd=work)
    client.git("lfs", "track", "*.bin", cwd=work)
    (work / "a.bin").write_bytes(bytes(range(256)) * 20_000)
    (work / "README.md").write_text(README)
    client.git("add", "-A", cwd=work)
    client.git("commit", "-qm", "large", cwd=work)
    pushed = client.git("push", "origin", "HEAD:refs/pr/1", cwd=work)
    assert pushed.returncode == 0, pushed.stderr
    assert "Pull request 1" in pushed.stderr
    for to in ("refs/heads/main", "refs/heads/new"):
        refused = client.git("push", "origin", f"HEAD:{to}", cwd=work)
        assert refused.returncode != 0 and "HEAD:refs/pr/1" in refused.stderr
    head = client.git("rev-parse", "HEAD", cwd=work).stdout.strip()
    shown = server.api("GET", "/api/spaces/uta/site/revision/refs%2Fpr%2F1", "uta")
    assert shown.json()["sha"] == head
    assert server.api("GET", "/api/spaces/uta/site", "uta").json()["sha"] == before
    assert server.api("GET", "/api/spaces/uta/site/previews", "uta").json() == []

    asked = [*client.words, "-p", str(port_of(server)), "git@127.0.0.1"]
    given = subprocess.run(
        [*asked, "git-lfs-authenticate spaces/uta/site.git upload"], capture_output=True
    )
    headers = {**json.loads(given.stdout)["header"], "Content-Type": "application/vnd.git-lfs+json"}
    locks, body = "/spaces/uta/site.git/info/lfs/locks", json.dumps({"path": "README.md"}).encode()
    assert server.request("POST", locks, headers=headers, body=body).status == 403

    keeper = tmp_path / "keeper"
    git("clone", "-q", server.remote("uta/site"), str(keeper), cwd=tmp_path)
    git("pull", "-q", "--ff-only", "origin", "refs/pr/1", cwd=keeper)
    assert "Pull request 1 is merged" in git("push", "origin", "main", cwd=keeper).stderr
    eventually(lambda: server.runtime("uta/site").get("sha") == head, timeout=60)
    server.reaches("uta/site", "RUNNING")
    assert "new" in server.visit("uta/site", "/new.txt").text


@pytest.mark.req("API-08")
def test_a_suspended_user_is_out(server: Server, tmp_path: Path) -> None:
    server.create_space("sven/demo", "static")
    client = Client(server, tmp_path)
    server.cli("key", "add", "sven", f"{client.key}.pub")
    assert "Hi sven!" in client.ssh("-T").stderr
    server.cli("user", "suspend", "sven")
    assert client.ssh("-T").returncode == 255
    assert client.git("ls-remote", client.url("sven/demo")).returncode != 0
    server.cli("user", "reinstate", "sven")
    assert "Hi sven!" in client.ssh("-T").stderr


@pytest.mark.req("SSH-13")
@pytest.mark.req("UPG-05")
def test_the_host_keys_stay_and_are_ours_alone(server: Server, tmp_path: Path) -> None:
    client = Client(server, tmp_path)
    client.ssh("-T")
    keys = sorted((server.data / "keys").glob("ssh_host_*"))
    before = [key.read_bytes() for key in keys]
    server.settings["SPACEPORT__SSH"] = f"127.0.0.1:{port_of(server)}"
    said = server.cli("doctor")
    del server.settings["SPACEPORT__SSH"]
    assert "git over SSH answers" in said and "host keys: ssh-ed25519 SHA256:" in said
    assert [stat.S_IMODE(key.stat().st_mode) for key in keys] == [0o600, 0o600]
    assert server.stop() == 0
    keys[0].chmod(0o640)
    refused = subprocess.run(
        [Path(sys.executable).with_name("spaceport"), "serve", "--http",
         f"127.0.0.1:{server.port}", "--engine", "process"],
        env=server.environment(), cwd=server.folder, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert refused.returncode == 1 and "chmod 600" in refused.stderr
    keys[0].chmod(0o600)
    server.start()
    assert [key.read_bytes() for key in keys] == before
    # the port is another one, so ssh is told to look the host up under a name of its own
    known = (tmp_path / "known").read_text().split(" ", 1)[1]
    (tmp_path / "known").write_text(f"same {known}")
    client.words += ["-o", "StrictHostKeyChecking=yes", "-o", "HostKeyAlias=same"]
    assert "Hi anonymous!" in client.ssh("-T").stderr


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """The default one is no reason not to start; one that was asked for is."""
    context = make_context(tmp_path / "data", 8080)
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # then somebody else has it, which will do
            taken.bind(("127.0.0.1", 2222))
        with pytest.raises(Taken, match="cannot listen on 127"):
            await start_ssh(context, None, None)  # type: ignore[arg-type]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        asked = replace(context, settings=Settings(data=tmp_path / "data", ssh=place))  # type: ignore[arg-type]
        with pytest.raises(Misconfigured) as refused:
            await start_ssh(asked, None, None)  # type: ignore[arg-type]
        assert not isinstance(refused.value, Taken) and "--ssh off" in refused.value.hint
    off = replace(context, settings=Settings(data=tmp_path / "data", ssh="off"))  # type: ignore[arg-type]
    assert await start_ssh(off, None, None) is None  # type: ignore[arg-type]
    context.pools.close()
    context.ledger.close()
