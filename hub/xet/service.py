"""The content-addressed store that hf_xet uploads to, as far as uploads need one (hub-api 8.3).

`/xet/{upload}` is an upload's `casUrl`. Xorbs are spooled; the shard that ends the upload makes its
files git-lfs objects, and then nothing of it stays. Downloads never go through here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from aiohttp import web
from aiohttp.http_exceptions import PayloadEncodingError

from gitserver.body import BodyTooLarge, BodyTooSlow, read_body
from gitserver.lfs.passes import Holder, Pass, Purpose
from gitserver.xet.hashes import is_hash
from gitserver.xet.register import XetLimits, register
from gitserver.xet.shard import ShardLimits
from gitserver.xet.spool import Part, Spool, SpoolLimits, Upload, UploadTooLarge
from gitserver.xet.xorb import Xorb, XorbLimits
from hub.api.body import check_size, too_large
from hub.api.call import Call, answer
from hub.api.errors import ApiError, framed
from hub.api.routes import SPACE, Route, gated
from hub.api.targets import target_of
from hub.context import HubContext
from hub.origins import Origins
from hub.xet.objects import ObjectsOf
from hub.xet.uploads import UploadIds
from spaceport.actor import Actor
from spaceport.authorize import Action, SpaceResource, authorize
from spaceport.errors import Invalid, NotFound, SpaceportError
from spaceport.identify import BadCredentials
from spaceport.ledger import Tx, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.large import QuotaFull
from spaceport.names import SpaceKey

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 600.0
AT_ONCE = 1024 * 1024  # collected before a thread writes it
UPLOAD = "/xet/{upload}"
GONE = (ConnectionError, web.RequestPayloadError, PayloadEncodingError)


@dataclass(frozen=True)
class Sender:
    """Who makes a call on an upload; the right to write was asked for just now."""

    actor: Actor
    upload: Upload


def add_xet(app: web.Application, context: HubContext) -> None:
    """Serve uploads; abandoned ones are swept at start and every ten minutes."""
    service = XetService(context)
    service.add_routes(app)
    app.cleanup_ctx.append(service.sweeping)


class XetService:
    """All calls of the upload store. Create it at start: it looks through the spool."""

    def __init__(self, context: HubContext) -> None:
        settings = context.settings.hub.xet
        self._context = context
        self._settings = settings
        self._ids = UploadIds.open(context.ledger, context.keyring)
        self._spool = Spool(
            context.data / "xet",
            SpoolLimits(
                settings.waiting_bytes,
                settings.space_waiting_bytes,
                settings.free_bytes,
                settings.parts,
                settings.idle,
            ),
        )
        most = context.large.settings.object_bytes
        shard = ShardLimits(settings.files, most, settings.finish_bytes)
        self._limits = XetLimits(XorbLimits(), shard)
        self._finishing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def add_routes(self, app: web.Application) -> None:
        origins = Origins(self._context.settings)
        token = Route(
            "GET", f"{SPACE}/xet-write-token/{{rev:.+}}", self.token, Action.WRITE, Action.READ
        )
        add = app.router.add_route
        add(token.method, token.path, gated(token, self._context, origins))
        add("GET", f"{UPLOAD}/v1/chunks/{{prefix}}/{{hash}}", framed(_unknown))
        add("POST", f"{UPLOAD}/v1/xorb-grants/{{prefix}}/{{hash}}", framed(_unknown))
        add("POST", f"{UPLOAD}/v1/xorbs/{{prefix}}/{{hash}}", framed(self._xorb))
        add("POST", f"{UPLOAD}/v2/shards", framed(_unknown))
        add("POST", f"{UPLOAD}/v1/shards", framed(self._shard))
        add("*", f"{UPLOAD}/{{rest:.*}}", framed(_unknown))
        add("POST", "/v1/telemetry", _nothing)  # beside the upload: hf_xet drops the path

    async def sweeping(self, app: web.Application) -> AsyncIterator[None]:
        """Sweeps while the application runs."""
        task = asyncio.create_task(self._keep_sweeping())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def _keep_sweeping(self) -> None:
        while True:
            try:
                await self._context.pools.run("files", self._spool.sweep, time.time(), self._gone)
            except Exception:
                logger.exception("abandoned uploads could not be removed")
            await asyncio.sleep(SWEEP_SECONDS)

    def _gone(self, key: SpaceKey) -> bool:
        with self._context.ledger.read() as tx:
            try:
                return spaces.get(tx, key).deleted_at is not None
            except NotFound:
                return True

    async def token(self, call: Call) -> web.StreamResponse:
        """`GET .../xet-write-token/{rev}`: begins an upload.

        Also how a client renews a token; it then goes on with the upload that it has.
        """
        if call.flag("create_pr"):  # then the client may name "None" as the revision
            authorize(call.actor, Action.CONTRIBUTE, SpaceResource.of(call.space)).require()
        else:
            await target_of(call, call.part("rev"))
        account = call.actor.account
        holder = Holder.of(call.actor)
        if account is None or not holder.credential:
            raise BadCredentials("An upload needs a session or a token.")
        until = now() + timedelta(seconds=self._settings.token_seconds)
        given = Pass(Purpose.XET, call.space.key, holder)
        token = self._context.passes.sign(given, until)
        address = f"{call.origin}/xet/{self._ids.new(account.id, call.space.key)}"
        expires = int(until.timestamp())
        return answer(
            {"casUrl": address, "accessToken": token, "exp": expires},
            headers={
                "X-Xet-Cas-Url": address,
                "X-Xet-Access-Token": token,
                "X-Xet-Token-Expiration": str(expires),
            },
        )

    async def _xorb(self, request: web.Request) -> web.StreamResponse:
        sender = await self._sender(request)
        name = request.match_info["hash"]
        if not is_hash(name):
            raise ApiError(400, "A xorb is named by 64 lower-case hexadecimal digits")
        async with self._received(request, sender, self._settings.xorb_bytes) as part:
            try:
                inserted = await self._context.pools.run("files", self._keep, sender, name, part)
            except Invalid as error:
                _refused(sender, error)
                raise
        return answer({"was_inserted": inserted})

    def _keep(self, sender: Sender, name: str, part: Part) -> bool:
        with Xorb(part.descriptor(), self._limits.xorb):  # walks all its heads
            return part.keep(self._spool.xorb(sender.upload, name))

    async def _shard(self, request: web.Request) -> web.StreamResponse:
        sender = await self._sender(request)
        pools, upload = self._context.pools, sender.upload
        async with self._received(request, sender, self._settings.shard_bytes) as part:
            # A client that waited too long sends the shard again, while the first one is at work.
            lock = self._finishing.setdefault(upload.id, asyncio.Lock())
            async with lock:
                try:
                    made = await pools.run("xet", self._register, sender, part)
                except (Invalid, QuotaFull) as error:
                    _refused(sender, error)
                    await pools.run("files", self._spool.drop, upload)
                    if isinstance(error, QuotaFull):  # 507 would be tried again for minutes
                        raise ApiError(413, f"{error} {error.hint}".strip()) from None
                    raise
                await pools.run("files", self._spool.drop, upload)
        return answer({"result": 1 if made else 0})

    def _register(self, sender: Sender, part: Part) -> int:
        upload, free = sender.upload, self._settings.free_bytes
        objects = ObjectsOf(self._context.large, upload.space, sender.actor.id, free=free)
        return register(self._spool, upload, part.descriptor(), objects, self._limits)

    @asynccontextmanager
    async def _received(
        self, request: web.Request, sender: Sender, limit: int
    ) -> AsyncIterator[Part]:
        """The whole body in a file. Raises 408, 413, 415, 503 and 507."""
        check_size(request, limit)
        pools = self._context.pools
        length = request.content_length
        most = limit if length is None else length
        try:
            part = await pools.run("files", self._spool.receive, sender.upload, most)
        except UploadTooLarge as error:
            raise ApiError(413, str(error)) from None
        try:
            idle = self._settings.body_idle
            pieces: list[bytes] = []
            size = 0
            async for piece in read_body(request.content, compressed=False, limit=most, idle=idle):
                pieces.append(piece)
                size += len(piece)
                if size >= AT_ONCE:
                    await pools.run("files", part.write, pieces)
                    pieces, size = [], 0
            await pools.run("files", part.write, pieces)
            yield part
        except BodyTooLarge:
            raise too_large(limit) from None
        except BodyTooSlow:
            raise ApiError(408, "The body did not arrive in time") from None
        except GONE:
            raise ApiError(400, "The connection was lost") from None  # nobody hears it
        finally:
            await asyncio.shield(pools.run("files", part.close))

    async def _sender(self, request: web.Request) -> Sender:
        """Raises 401 for a bad token, 404 for an upload of somebody else, and what `authorize`
        says: rights are asked for at every call (LFS-10)."""
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        shown = (
            self._context.passes.read(text.strip(), now()) if scheme.lower() == "bearer" else None
        )
        if shown is None or shown.purpose is not Purpose.XET:
            raise BadCredentials("The token of this upload is wrong or over")
        upload = request.match_info["upload"]
        if not self._ids.owns(shown.holder.account_id, shown.space, upload):
            raise ApiError(404, "There is no such upload")
        actor = await self._context.pools.run("db", self._allowed, shown, now())
        return Sender(actor, Upload(shown.space, upload))

    def _allowed(self, shown: Pass, at: datetime) -> Actor:
        with self._context.ledger.read() as tx:
            actor = shown.holder.actor(tx, at)
            resource = _resource(tx, shown.space)
        authorize(actor, Action.CONTRIBUTE, resource).require()
        return actor


def _resource(tx: Tx, key: SpaceKey) -> SpaceResource | None:
    try:
        space = spaces.get(tx, key)
    except NotFound:
        return None
    return None if space.deleted_at is not None else SpaceResource.of(space)


def _refused(sender: Sender, error: SpaceportError) -> None:
    """hf_xet shows nobody what we answer, so the operator at least can find it."""
    upload = sender.upload
    logger.warning("upload %s to Space %s was refused: %s", upload.id, upload.space, error)


async def _unknown(request: web.Request) -> web.StreamResponse:
    """No chunk is known beforehand, xorbs need no grant, shards are sent as version 1."""
    raise ApiError(404, "This server has no such call")


async def _nothing(request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)
