"""What the handlers of git-lfs share: who asks, what they may, and where answers point to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web

from config.lfs import LfsSettings
from gitserver.access import Admission, GitAccess, Refusal, Service, repository_name
from gitserver.body import read_body
from gitserver.credentials import parse_authorization
from gitserver.lfs.answers import MEDIA_TYPE, LfsError
from gitserver.lfs.batch import is_oid
from gitserver.lfs.handoff import SCHEME
from gitserver.lfs.objects import LargeObjects
from gitserver.lfs.passes import Pass, Passes, Purpose
from spaceport.authorize import Action, Decision, SpaceResource, authorize
from spaceport.errors import NotFound
from spaceport.identify import BadCredentials
from spaceport.ledger import Ledger, moves, spaces
from spaceport.ledger.columns import now
from spaceport.names import SpaceId
from spaceport.pools import Pools
from spaceport.push import NOTHING, WRITER

T = TypeVar("T")
JSON_BYTES = 1 << 20
SMALL = 32 * 1024  # parsed on the event loop
WRITES = frozenset(
    {Purpose.UPLOAD, Purpose.VERIFY, Purpose.PART, Purpose.COMPLETE, Purpose.SSH_UPLOAD}
)
_TAKEN = frozenset({MEDIA_TYPE, "application/json", "application/*", "*/*"})


def stale() -> LfsError:
    """The answer to every pass that does not fit, so that it tells nothing."""
    return LfsError(403, "This address is not valid (any more). Ask for a new one with a batch.")


@dataclass(frozen=True)
class Desk:
    """Made once. `origin_of` gives the configured origin of the hub that fits a request (LFS-16),
    `address_of` the client's address."""

    large: LargeObjects
    passes: Passes
    access: GitAccess
    pools: Pools
    origin_of: Callable[[web.Request], str]
    address_of: Callable[[web.Request], str]

    @property
    def settings(self) -> LfsSettings:
        return self.large.settings

    @property
    def ledger(self) -> Ledger:
        return self.large.ledger

    # -- who asks ----------------------------------------------------------------------------

    async def admit(self, request: web.Request, service: Service) -> Admission:
        """By a login, or by what git-lfs-authenticate gave. Raises `LfsError`."""
        author, name = space_of(request)
        given = self.shown_pass(request)
        if given is not None:
            reads = service is Service.UPLOAD_PACK
            purpose = Purpose.SSH_DOWNLOAD if reads else Purpose.SSH_UPLOAD
            if given.purpose is not purpose:
                raise stale()
            return await self.on("db", self._still, given, SpaceId(author, name), now())
        shown = parse_authorization(request.headers.get("Authorization"))
        found = await self.access.admit(shown, author, name, service, self.address_of(request))
        if isinstance(found, Refusal):
            raise LfsError.refused(found)
        return found

    def shown_pass(self, request: web.Request) -> Pass | None:
        """What git-lfs-authenticate gave, if that is what the request shows. Raises `LfsError`."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme != SCHEME:
            return None
        given = self.passes.read(text.strip(), now())
        if given is None:
            raise stale()
        return given

    async def redeem(
        self, request: web.Request, text: str, purpose: Purpose
    ) -> tuple[Pass, Admission]:
        """What a pass says, if it is for just this request and its holder still has the right.

        Raises `LfsError` 403 whatever is wrong (LFS-09, LFS-10).
        """
        given = self.passes.read(text, now())
        if given is None or given.purpose is not purpose:
            raise stale()
        space_id = SpaceId(*space_of(request))
        return given, await self.on("db", self._still, given, space_id, now())

    def _still(self, given: Pass, space_id: SpaceId, at: datetime) -> Admission:
        with self.ledger.read() as tx:
            space = moves.find(tx, space_id)
            if space is None or space.key != given.space:
                raise stale()
            try:
                actor = given.holder.actor(tx, at)
            except (BadCredentials, NotFound):
                raise stale() from None
        resource = SpaceResource.of(space)
        action = Action.CONTRIBUTE if given.purpose in WRITES else Action.READ
        if not authorize(actor, action, resource).allowed:
            raise stale()
        writes = authorize(actor, Action.WRITE, resource).allowed
        return Admission(
            space.key,
            actor_id=actor.id,
            label=str(space.id),
            actor=actor,
            reach=WRITER if writes else NOTHING,
        )

    def may(self, admitted: Admission, action: Action) -> Decision:
        """One more right, of somebody who was admitted. Blocks."""
        with self.ledger.read() as tx:
            space = spaces.get(tx, admitted.key)
        return authorize(admitted.actor, action, SpaceResource.of(space))

    # -- requests ----------------------------------------------------------------------------

    async def on(self, pool: str, function: Callable[..., T], *args: Any) -> T:
        return await self.pools.run(pool, function, *args)

    async def body(self, request: web.Request, *, own_type: bool = True) -> Any:
        """The JSON of a request. Raises `LfsError` 400, 406, 413, 415."""
        check_accept(request)
        taken = (MEDIA_TYPE,) if own_type else (MEDIA_TYPE, "application/json")
        if request.content_type not in taken:
            raise LfsError(415, f"Send {MEDIA_TYPE}.")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise LfsError(415, "Send the request without Content-Encoding.")
        pieces = read_body(
            request.content, compressed=False, limit=JSON_BYTES, idle=self.settings.idle
        )
        data = b"".join([piece async for piece in pieces])
        if len(data) <= SMALL:
            return read_json(data)
        return await self.on("large", read_json, data)


def space_of(request: web.Request) -> tuple[str, str]:
    """Author and name of the path. Raises `LfsError` for what no repository is called."""
    author = repository_name(request.match_info["author"])
    name = repository_name(request.match_info["name"])
    if author is None or name is None:
        raise LfsError(404, "There is no such repository.")
    return author, name


def oid_of(request: web.Request) -> str:
    """The object of the path. Raises 422 before anything else is done with it (LFS-06)."""
    oid = request.match_info["oid"]
    if not is_oid(oid):
        raise LfsError(422, "An object's id has 64 lower-case hexadecimal digits.")
    return oid


def check_accept(request: web.Request) -> None:
    """Raises 406 for a client that takes no JSON of git-lfs (LFS-08)."""
    accepted = ",".join(request.headers.getall("Accept", []))
    kinds = {each.partition(";")[0].strip().lower() for each in accepted.split(",")} - {""}
    if kinds and not kinds & _TAKEN:
        raise LfsError(406, f"Answers are {MEDIA_TYPE}.")


def read_json(data: bytes) -> Any:
    """Raises `LfsError` 400."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise LfsError(400, "The request is not valid JSON.") from None
