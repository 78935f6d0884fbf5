"""A git server on a free port that speaks SSH, keys made by ssh-keygen, and real clients."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from config.git import GitSettings
from config.ssh import SshLimits, SshSettings
from gitserver.access import Admission, Refusal, Service
from gitserver.receive.service import ReceiveService
from gitserver.repositories import Repositories
from gitserver.ssh.access import Barred, LfsTickets
from gitserver.ssh.hostkeys import open_host_keys
from gitserver.ssh.server import SshServer
from gitserver.ssh.session import Services
from gitserver.upload.service import UploadService
from spaceport.actor import Actor, Means
from spaceport.ledger.accounts import Account, AccountKind
from spaceport.pools import Pools
from tests.gitserver.writing import ANN, KEY, RecordingHooks

SECRET = "b" * 24
"""The repository `ann/secret`, which nobody but ann may see."""


def actor(name: str) -> Actor:
    created = datetime.now(UTC)
    account = Account(f"id-{name}", name, AccountKind.USER, "", None, False, None, created)
    return Actor(Means.KEY, account)


@dataclass
class KeyTable:
    """Real access by a table of fingerprints: ann owns `ann/x` (public) and `ann/secret`."""

    repositories: Repositories
    owners: dict[str, str] = field(default_factory=dict)
    barred: set[str] = field(default_factory=set)
    logins: list[tuple[str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def by_ssh_key(self, fingerprint: str) -> Actor | None:
        self.asked.append(fingerprint)
        name = self.owners.get(fingerprint)
        if name in self.barred:
            raise Barred
        return None if name is None else actor(name)

    async def logged_in(self, actor: Actor, fingerprint: str, address: str) -> None:
        self.logins.append((actor.name, fingerprint))

    async def decide(
        self, actor: Actor, author: str, name: str, service: Service
    ) -> Admission | Refusal:
        key = {"ann/x": KEY, "ann/secret": SECRET}.get(f"{author}/{name}")
        seen = key == KEY or (key == SECRET and actor.name == "ann")
        if key is None or not seen:
            return Refusal(401 if actor.anonymous else 404, "Repository not found")
        if service is Service.RECEIVE_PACK and actor.name != "ann":
            return Refusal(403, "You don't have the rights to write to this repository")
        return Admission(key, actor.id, f"{author}/{name}", {"actor": actor.name})


@dataclass
class SshPlace:
    """What a test sees of the running server."""

    repositories: Repositories
    hooks: RecordingHooks
    table: KeyTable
    server: SshServer
    port: int
    folder: Path
    loop: asyncio.AbstractEventLoop
    services: Services
    passing: TemporaryDirectory[str] = field(default_factory=TemporaryDirectory)
    """git-lfs leaves there what held its sockets."""

    @property
    def url(self) -> str:
        return f"ssh://git@127.0.0.1:{self.port}/spaces/ann/x"

    @property
    def repository(self) -> Path:
        return self.repositories.path(KEY)

    def key(self, owner: str | None = None, *options: str) -> Path:
        """A new private key; its owner, if any, may use it from now on."""
        path = self.folder / f"key{len(list(self.folder.glob('key*')))}"
        words = options or ("-t", "ed25519")
        make = ["ssh-keygen", "-q", "-N", "", "-C", "", "-f", str(path), *words]
        subprocess.run(make, check=True)
        if owner is not None:
            self.table.owners[fingerprint(path)] = owner
        return path

    def ssh(self, key: Path, *options: str) -> list[str]:
        """The stock client, with nothing of this machine's configuration; options come first, as
        the first value of each counts."""
        known = self.folder / "known_hosts"
        settings = {
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "StrictHostKeyChecking": "accept-new",
            "UserKnownHostsFile": known,
            "LogLevel": "ERROR",
        }
        flags = [f"-o{name}={value}" for name, value in settings.items()]
        return ["ssh", "-F", "none", *options, *flags, "-i", str(key)]

    def run(
        self, key: Path, *command: str, options: tuple[str, ...] = (), user: str = "git"
    ) -> subprocess.CompletedProcess[str]:
        words = [*self.ssh(key, *options), "-p", str(self.port), f"{user}@127.0.0.1", *command]
        return subprocess.run(
            words, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )

    def env(self, key: Path, *options: str) -> dict[str, str]:
        """For git: the client above."""
        return {
            "GIT_SSH_COMMAND": " ".join(self.ssh(key, *options)),
            "GIT_SSH_VARIANT": "ssh",
            "TMPDIR": self.passing.name,
        }

    def limits(self) -> SshLimits:
        return self.services.settings.limits

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run something on the server's loop."""

        async def run() -> Any:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(20)


def fingerprint(key: Path) -> str:
    printed = subprocess.run(["ssh-keygen", "-lf", f"{key}.pub"], check=True, capture_output=True)
    return printed.stdout.decode().split()[1]


@contextmanager
def serving(
    folder: Path,
    settings: SshSettings | None = None,
    git: GitSettings | None = None,
    tickets: LfsTickets | None = None,
    limits: Mapping[str, Any] | None = None,
) -> Iterator[SshPlace]:
    """The server in a thread of its own, with `ann/x` and `ann/secret`."""
    if limits is not None:
        settings = SshSettings(limits=SshLimits(**limits))
    repositories = Repositories(folder / "repositories", git or GitSettings())
    for key in (KEY, SECRET):
        repositories.create(key, {"README.md": b"# x\n"}, ANN)
    hooks, pools, table = RecordingHooks(), Pools(), KeyTable(repositories)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    host_keys = open_host_keys(host_key_folder(folder))

    async def start() -> SshPlace:
        services = Services(
            repositories,
            table,
            UploadService(folder / "cache", pools),
            ReceiveService(repositories, hooks, pools),
            pools,
            settings or SshSettings(),
            tickets,
        )
        server = SshServer(services, host_keys)
        port = await server.start("127.0.0.1", 0)
        return SshPlace(repositories, hooks, table, server, port, folder, loop, services)

    async def stop(place: SshPlace) -> None:
        await place.server.close()
        await place.services.receive.close()
        await place.services.upload.close()

    place = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    try:
        yield place
    finally:
        asyncio.run_coroutine_threadsafe(stop(place), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        pools.close()


_HOST_KEYS: list[Path] = []


def host_key_folder(folder: Path) -> Path:
    """One set of host keys for all tests of a run: an RSA key takes a while to make."""
    if not _HOST_KEYS or not _HOST_KEYS[0].exists():
        _HOST_KEYS[:] = [folder / "keys"]
    return _HOST_KEYS[0]


def threads() -> int:
    return sum(each.name == "ssh-connection" for each in threading.enumerate())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
