"""git over smart HTTP (gitprotocol-http(5)), on an aiohttp application.

The permission that is checked is that of the service which the path names; a query decides only on
`info/refs`, and there it is the service that is answered (GIT-22).
"""

from __future__ import annotations

import errno
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from aiohttp import web

from config.git import GitSettings
from gitserver.access import Admission, Credentials, GitAccess, Refusal, Service, repository_name
from gitserver.body import BadEncoding, BodyTooLarge, BodyTooSlow, accepted_encoding, read_body
from gitserver.credentials import parse_authorization
from gitserver.pktline import FLUSH_PKT, PktError, line
from gitserver.receive.conclude import Pusher
from gitserver.receive.places import Places
from gitserver.receive.request import BadRequest
from gitserver.receive.service import ReceiveService
from gitserver.receive.spool import PackTooLarge
from gitserver.upload.service import UploadService
from spaceport.errors import NotFound, Unavailable

_NO_CACHE = {
    "Cache-Control": "no-cache, max-age=0, must-revalidate",
    "Expires": "Fri, 01 Jan 1980 00:00:00 GMT",
    "Pragma": "no-cache",
}
_VERSION = re.compile(r"version=([12])")
_PROTOCOL = re.compile(r"[A-Za-z0-9=:._-]{1,256}")
_SERVICES = {f"git-{service}": service for service in Service}
_ADMISSION = web.RequestKey("gitserver.admission", Admission)

AddressOf = Callable[[web.Request], str]
NameOf = Callable[[web.Request], tuple[str, str] | None]
"""The author and name of the repository that an address means; None for what none has."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def peer_address(request: web.Request) -> str:
    """The address at the other end of the connection."""
    return request.remote or ""


def space_name(request: web.Request) -> tuple[str, str] | None:
    """Author and name of a Space."""
    author = repository_name(request.match_info["author"])
    name = repository_name(request.match_info["name"])
    return None if author is None or name is None else (author, name)


class GitHttp:
    """The routes of git for all repositories. `address_of` knows which forwarders to believe.

    Run the application with `auto_decompress=False`, so that what inflates is bounded here.
    """

    def __init__(
        self,
        places: Places,
        access: GitAccess,
        upload: UploadService,
        receive: ReceiveService,
        *,
        address_of: AddressOf = peer_address,
        name_of: NameOf | None = None,
    ) -> None:
        self._places = places
        self._settings: GitSettings = places.settings
        self._name_of = name_of or space_name
        self._access = access
        self._upload = upload
        self._receive = receive
        self._address_of = address_of

    def add_routes(self, app: web.Application, base: str = "/spaces/{author}/{name}") -> None:
        """Serve `<base>/info/refs` and the rest; `name_of` knows what the parts of `base` mean."""
        add = app.router.add_route
        add("GET", base + "/info/refs", self._advertise)
        for service, handler in (
            (Service.UPLOAD_PACK, self._upload_pack),
            (Service.RECEIVE_PACK, self._receive_pack),
        ):
            path = f"{base}/git-{service}"
            add("POST", path, handler, expect_handler=self._expecting(service))
            add("*", path, _wrong_method)
        for dumb in ("/HEAD", "/config", "/packed-refs", "/objects/{rest:.*}", "/hooks/{rest:.*}"):
            add("*", base + dumb, _nothing_here)

    # Handlers

    async def _advertise(self, request: web.Request) -> web.StreamResponse:
        service = _SERVICES.get(request.query.get("service", ""))
        if service is None:
            return _text(403, "This server speaks git's smart protocol only.")
        admitted = await self._admit(request, service)
        if isinstance(admitted, web.Response):
            return admitted
        if admitted.moved:  # git goes on at the new address by itself, and says so
            base = request.path.removesuffix("/info/refs").rsplit("/", 2)[0]
            address = f"{base}/{admitted.label}/info/refs?service=git-{service}"
            return web.Response(status=301, headers={**_NO_CACHE, "Location": address})
        repository = self._places.path(admitted.key)
        version = protocol_version(request.headers.get("Git-Protocol"))
        try:
            if service is Service.RECEIVE_PACK:
                version = version if version == 1 else 0  # there is no v2 of pushing
                body = await self._receive.advertise(admitted.key, version, reach=admitted.reach)
            else:
                body = await self._upload.advertise(repository, version, rules=admitted.rules)
        except NotFound as error:
            return _text(404, str(error))
        except Unavailable as error:
            return _text(503, f"{error}. Try again later.")
        head = line(f"# service=git-{service}".encode()) + FLUSH_PKT if version != 2 else b""
        return web.Response(
            body=head + body,
            headers=_NO_CACHE,
            content_type=f"application/x-git-{service}-advertisement",
        )

    async def _upload_pack(self, request: web.Request) -> web.StreamResponse:
        admitted = await self._begin(request, Service.UPLOAD_PACK)
        if isinstance(admitted, web.Response):
            return admitted
        version = protocol_version(request.headers.get("Git-Protocol"))
        body = self._body(request, self._most(Service.UPLOAD_PACK))
        answer = self._upload.serve(
            self._places.path(admitted.key), version, body, rules=admitted.rules
        )
        return await self._stream(request, Service.UPLOAD_PACK, answer)

    async def _receive_pack(self, request: web.Request) -> web.StreamResponse:
        admitted = await self._begin(request, Service.RECEIVE_PACK)
        if isinstance(admitted, web.Response):
            return admitted
        pusher = Pusher.of(admitted, self._address_of(request))
        answer = self._receive.serve(
            admitted.key, pusher, self._body(request, self._most(Service.RECEIVE_PACK))
        )
        return await self._stream(request, Service.RECEIVE_PACK, answer)

    # Their parts

    async def _begin(self, request: web.Request, service: Service) -> Admission | web.Response:
        admitted = request.get(_ADMISSION) or await self._admit(request, service)
        if isinstance(admitted, web.Response):
            return admitted
        if request.content_type != f"application/x-git-{service}-request":
            return _text(415, f"Send application/x-git-{service}-request.")
        if not accepted_encoding(request.headers.get("Content-Encoding")):
            return _text(415, "Only gzip is taken as Content-Encoding.")
        if (request.content_length or 0) > self._most(service):
            return _refuse_size()
        return admitted

    def _most(self, service: Service) -> int:
        """How many bytes the body of a request may have, inflated."""
        if service is Service.UPLOAD_PACK:
            return self._settings.fetch.request_bytes
        return self._settings.push.pack_bytes + self._settings.push.command_bytes

    async def _admit(self, request: web.Request, service: Service) -> Admission | web.Response:
        named = self._name_of(request)
        if named is None:
            return _text(404, "There is no such repository.")
        author, name = named
        credentials: Credentials = parse_authorization(request.headers.get("Authorization"))
        answer = await self._access.admit(
            credentials, author, name, service, self._address_of(request)
        )
        return _refuse(answer) if isinstance(answer, Refusal) else answer

    def _expecting(
        self, service: Service
    ) -> Callable[[web.Request], Awaitable[web.Response | None]]:
        """Answer `Expect: 100-continue` after the login check, so that no body comes in vain."""

        async def expect(request: web.Request) -> web.Response | None:
            if request.headers.get("Expect", "").lower() != "100-continue":
                return _text(417, "Only 100-continue can be expected.")
            admitted = await self._begin(request, service)
            if isinstance(admitted, web.Response):
                return admitted
            request[_ADMISSION] = admitted
            if request.transport is not None:
                request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None

        return expect

    def _body(self, request: web.Request, limit: int) -> AsyncIterator[bytes]:
        compressed = request.headers.get("Content-Encoding", "identity").lower() != "identity"
        return read_body(
            request.content, compressed=compressed, limit=limit, idle=self._settings.body_idle
        )

    async def _stream(
        self, request: web.Request, service: Service, answer: AsyncIterator[bytes]
    ) -> web.StreamResponse:
        """Send an answer as it is made. Until its first piece a failure is a status of its own."""
        response = web.StreamResponse(headers=_NO_CACHE)
        response.content_type = f"application/x-git-{service}-result"
        async with aclosing(_generator(answer)) as pieces:
            try:
                first = await anext(pieces, b"")
            except Exception as error:
                refused = _refuse_body(error)
                if refused is None:
                    raise
                return refused
            await response.prepare(request)
            if first:
                await response.write(first)
            async for piece in pieces:
                await response.write(piece)
        await response.write_eof()
        return response


def protocol_version(header: str | None) -> int:
    """0, 1 or 2, of a `Git-Protocol` header; what is odd or unknown counts as 0 (GIT-25)."""
    if not header or not _PROTOCOL.fullmatch(header):
        return 0
    asked = [match[1] for part in header.split(":") if (match := _VERSION.fullmatch(part))]
    return max(map(int, asked), default=0)


async def _generator(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    async for piece in pieces:
        yield piece


def _refuse(refusal: Refusal) -> web.Response:
    response = _text(refusal.status, refusal.message)
    if refusal.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="Spaceport", charset="UTF-8"'
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _refuse_body(error: Exception) -> web.Response | None:
    """The status for a request that could not be taken, or None for an error of our own."""
    if isinstance(error, BodyTooLarge | PackTooLarge):
        return _refuse_size()
    if isinstance(error, BodyTooSlow):
        return _text(408, "The request came too slowly.")
    if isinstance(error, PktError | BadRequest | BadEncoding):
        return _text(400, f"This is not a request of git: {error}")
    if isinstance(error, NotFound):
        return _text(404, str(error))
    if isinstance(error, web.RequestPayloadError):
        return _text(400, "The request was cut off.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _text(507, "The server's disk is full. Try again later.")
    return None


def _refuse_size() -> web.Response:
    return _text(413, "The request is larger than this server takes.")


async def _wrong_method(request: web.Request) -> web.StreamResponse:
    response = _text(405, "Only POST is answered here.")
    response.headers["Allow"] = "POST"
    return response


async def _nothing_here(request: web.Request) -> web.StreamResponse:
    return _text(404, "This server speaks git's smart protocol only.")


def _text(status: int, message: str) -> web.Response:
    return web.Response(status=status, text=message + "\n", headers=_NO_CACHE)
