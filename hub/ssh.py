"""Git over SSH as part of the hub: who a key belongs to, where it is served, how it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from config.settings import Settings
from gitserver.access import Admission, Refusal, Service
from gitserver.lfs.handoff import HandOff
from gitserver.receive.service import ReceiveService
from gitserver.ssh.access import Barred
from gitserver.ssh.command import Operation
from gitserver.ssh.hostkeys import open_host_keys
from gitserver.ssh.server import SshServer
from gitserver.ssh.session import Services
from gitserver.upload.service import UploadService
from hub.context import HubContext, SshDoor
from hub.git_access import LedgerAccess
from spaceport.actor import Actor
from spaceport.errors import Misconfigured
from spaceport.ledger import keys
from spaceport.ledger.columns import now
from spaceport.names import SpaceId

_NOTED = timedelta(minutes=1)  # the last use of a key is written at most so often


class LedgerKeys:
    """Implements `gitserver.ssh.access.SshAccess`: the same decisions as over HTTP (SSH-11)."""

    def __init__(self, context: HubContext) -> None:
        self._context = context
        self._access = LedgerAccess(context.ledger, context.pools)

    async def by_ssh_key(self, fingerprint: str) -> Actor | None:
        return await self._context.pools.run("db", self._owner, fingerprint)

    async def logged_in(self, actor: Actor, fingerprint: str, address: str) -> None:
        await self._context.pools.run("db", self._note_use, fingerprint, now())

    async def decide(
        self, actor: Actor, author: str, name: str, service: Service
    ) -> Admission | Refusal:
        space_id = SpaceId(author, name)
        return await self._context.pools.run("db", self._access.decide, actor, space_id, service)

    def _owner(self, fingerprint: str) -> Actor | None:
        actor = self._access.by_ssh_key(fingerprint)
        if actor is None:
            with self._context.ledger.read() as tx:
                if keys.by_fingerprint(tx, fingerprint) is not None:
                    raise Barred
        return actor

    def _note_use(self, fingerprint: str, at: datetime) -> None:
        ledger = self._context.ledger
        with ledger.read() as tx:
            key = keys.by_fingerprint(tx, fingerprint)
        if key is None or (key.last_used_at is not None and at - key.last_used_at < _NOTED):
            return
        with ledger.write() as tx:
            keys.touch(tx, key.id, at)


class LfsLeave:
    """Implements `gitserver.ssh.access.LfsTickets`: what it gives ends with the key (LFS-10)."""

    def __init__(self, context: HubContext) -> None:
        settings = context.settings
        life = timedelta(seconds=settings.lfs.ssh_seconds)
        self._ledger = context.ledger
        self._hand_off = HandOff(context.passes, settings.hub_url, life)

    def __call__(
        self, actor: Actor, admission: Admission, operation: Operation, *, fingerprint: str
    ) -> Mapping[str, Any]:
        with self._ledger.read() as tx:
            key = keys.by_fingerprint(tx, fingerprint)
        key_id = "" if key is None else key.id
        return self._hand_off(actor, admission, operation.value, key_id=key_id)


@dataclass(frozen=True)
class SshRoom:
    """The running server, and the door that pages show."""

    server: SshServer
    door: SshDoor


async def start_ssh(
    context: HubContext,
    upload: UploadService,
    receive: ReceiveService,
) -> SshRoom | None:
    """Serve git over SSH where the settings say; None when they say nowhere.

    Raises `Misconfigured` for host keys that are not right and for a port that cannot be had. The
    default port may be taken, by whatever else this machine does: then `Taken` says so.
    """
    settings = context.settings
    if settings.ssh is None:
        return None
    host_keys = await context.pools.run("git", open_host_keys, key_folder(settings))
    services = Services(
        context.repositories,
        LedgerKeys(context),
        upload,
        receive,
        context.pools,
        settings.git.ssh,
        LfsLeave(context),
    )
    server = SshServer(services, host_keys)
    try:
        port = await server.start(settings.ssh.host, settings.ssh.port)
    except Misconfigured as error:
        if "ssh" in settings.model_fields_set:
            raise
        raise Taken(str(error), hint=error.hint) from error
    lines = tuple(f"{each.key.get_name()} {each.fingerprint}" for each in host_keys)
    return SshRoom(server, door_of(settings, port, lines))


class Taken(Misconfigured):
    """Raised when nobody asked for SSH at this port, and something else has it."""


def door_of(settings: Settings, port: int, fingerprints: tuple[str, ...] = ()) -> SshDoor:
    """How people reach a server that listens on `port`."""
    ssh = settings.git.ssh
    return SshDoor(ssh.user, settings.ssh_host, ssh.port or port, fingerprints)


def key_folder(settings: Settings) -> Path:
    """Where the host keys are; beside the sealing key, and to be kept as that is."""
    return settings.data / "keys"
