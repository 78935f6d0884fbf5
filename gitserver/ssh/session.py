"""One command of one client: who may, then the services that answer HTTP too (SSH-09 to -11)."""

from __future__ import annotations

import errno
import json
import logging
from contextlib import aclosing
from dataclasses import dataclass

from config.ssh import SshSettings
from gitserver.access import Admission, Refusal, Service
from gitserver.http import protocol_version
from gitserver.pktline import PktError, clean
from gitserver.receive.conclude import Pusher
from gitserver.receive.request import BadRequest
from gitserver.receive.service import ReceiveService
from gitserver.receive.spool import PackTooLarge
from gitserver.repositories import Repositories
from gitserver.ssh.access import Barred, LfsTickets, SshAccess
from gitserver.ssh.authentication import Guest
from gitserver.ssh.command import Command, CommandRefused, LfsAuthenticate, parse_command
from gitserver.ssh.pipe import ChannelPipe
from gitserver.upload.core import closable
from gitserver.upload.service import UploadService
from spaceport.actor import ANONYMOUS, Actor
from spaceport.errors import NotFound, SpaceportError
from spaceport.pools import Pools

_log = logging.getLogger(__name__)
SHOWN = 128
"""Bytes of a client's own words in a log line (SSH-17)."""


class KeyRevoked(Exception):
    """Raised when a key opens its account no longer: the connection is to end."""


@dataclass(frozen=True)
class Services:
    """What commands are run with; one for each server."""

    repositories: Repositories
    access: SshAccess
    upload: UploadService
    receive: ReceiveService
    pools: Pools
    settings: SshSettings
    tickets: LfsTickets | None = None
    name: str = "Spaceport"


@dataclass(frozen=True)
class Request:
    """What a client asks a channel to run; None is a shell. `protocol` is its GIT_PROTOCOL."""

    line: bytes | None
    protocol: str = ""


async def run(
    services: Services, guest: Guest, address: str, request: Request, pipe: ChannelPipe
) -> int:
    """Run a command to its end and give its exit status: 0, 1 (refused, failed) or 127.

    Raises `Gone` when the client has, and `KeyRevoked`.
    """
    actor = await present_actor(services.access, guest)
    if request.line is None:
        await pipe.say(greeting(actor, guest, services.name))
        return 1
    try:
        command = parse_command(
            request.line, longest=services.settings.limits.command_bytes, root="spaces"
        )
    except CommandRefused as refused:
        await pipe.say(f"{refused.message}\n")
        return refused.status
    _log.debug("%s: %s", actor.name or "anonymous", shown(request.line))
    answer = await services.access.decide(actor, command.author, command.name, command.service)
    if isinstance(answer, Refusal):
        await pipe.say(_refusal(answer, actor, guest))
        return 1
    try:
        return await _serve(services, actor, guest, answer, command, address, request, pipe)
    except SpaceportError as error:
        await pipe.say(clean(f"{error} {error.hint}".strip()) + "\n")
        return 1


async def present_actor(access: SshAccess, guest: Guest) -> Actor:
    """Who a guest is now. Raises `KeyRevoked` when the key, or its account, is gone (SSH-11)."""
    if guest.actor.anonymous:
        return ANONYMOUS
    try:
        actor = await access.by_ssh_key(guest.fingerprint)
    except Barred:
        raise KeyRevoked from None
    if actor is None or actor.id != guest.actor.id:
        raise KeyRevoked
    return actor


def greeting(actor: Actor, guest: Guest, name: str) -> str:
    """What `ssh -T` prints (11.5)."""
    if actor.anonymous:
        return (
            f"Hi anonymous! {name} does not know the key {guest.fingerprint}. With it you can "
            "clone what is public; add it to your account to push.\n"
        )
    return f"Hi {actor.name}! You are signed in to {name}, which offers git here, and no shell.\n"


def shown(words: bytes) -> str:
    """A client's own words for a log line: cut short, and without control bytes (SSH-17)."""
    return clean(words[:SHOWN].decode("utf-8", "replace")).replace("\n", "\\n")


def _refusal(refusal: Refusal, actor: Actor, guest: Guest) -> str:
    if not actor.anonymous:
        return f"{refusal.message}.\n"
    return (
        f"{refusal.message}.\nYou are anonymous: no account has the key {guest.fingerprint}. Add "
        "it to yours, or choose another key with: ssh -i FILE -o IdentitiesOnly=yes\n"
    )


async def _serve(
    services: Services,
    actor: Actor,
    guest: Guest,
    admission: Admission,
    command: Command,
    address: str,
    request: Request,
    pipe: ChannelPipe,
) -> int:
    if isinstance(command, LfsAuthenticate):
        return await _authenticate(services, actor, guest, admission, command, pipe)
    version = protocol_version(request.protocol)
    if command.service is Service.UPLOAD_PACK:
        repository = services.repositories.path(admission.key)
        reader = pipe.arriving()
        done = await services.upload.serve_duplex(repository, version, reader, pipe)
        return 0 if done else 1
    pusher = Pusher.of(admission, address)
    return await _receive(services, admission, pusher, version, pipe)


async def _receive(
    services: Services, admission: Admission, pusher: Pusher, version: int, pipe: ChannelPipe
) -> int:
    pipe.write(await services.receive.advertise(admission.key, version, reach=admission.reach))
    await pipe.drain()
    answer = services.receive.serve(admission.key, pusher, pipe.arriving(), stays_open=True)
    try:
        async with aclosing(closable(answer)) as pieces:
            async for piece in pieces:
                pipe.write(piece)
                await pipe.drain()
    except (BadRequest, PktError) as error:
        await pipe.say(clean(f"This is not a push of git: {error}") + "\n")
        return 1
    except PackTooLarge:
        most = services.repositories.settings.push.pack_bytes
        await pipe.say(f"The push is larger than this server takes ({most} bytes).\n")
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        await pipe.say("The server's disk is full. Nothing was stored; try again later.\n")
        return 1
    return 0


async def _authenticate(
    services: Services,
    actor: Actor,
    guest: Guest,
    admission: Admission,
    command: LfsAuthenticate,
    pipe: ChannelPipe,
) -> int:
    if not services.repositories.exists(admission.key):
        raise NotFound("There is no such repository.")
    if services.tickets is None:
        most = services.repositories.settings.push.blob_bytes >> 20
        await pipe.say(
            f"This server stores no git-lfs objects; files of up to {most} MiB belong into git.\n"
        )
        return 1
    ticket = await services.pools.run(
        "db",
        services.tickets,
        actor,
        admission,
        command.operation,
        fingerprint=guest.fingerprint,
    )
    pipe.write(json.dumps(dict(ticket)).encode() + b"\n")
    await pipe.drain()
    return 0
