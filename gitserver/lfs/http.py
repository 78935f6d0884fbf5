"""git-lfs over HTTP, on an aiohttp application: `<prefix>/{author}/{name}[.git]/info/lfs/...`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from gitserver.lfs import batch_api, lock_api
from gitserver.lfs.answers import LfsError, error_answer
from gitserver.lfs.desk import Desk
from gitserver.lfs.passes import Purpose
from gitserver.lfs.receiving import answered
from gitserver.lfs.transfer import Transfers

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_lfs(app: web.Application, desk: Desk, prefix: str = "/spaces") -> None:
    """Run the application with `auto_decompress=False`."""
    transfers = Transfers(desk)
    base = prefix + "/{author}/{name}/info/lfs"
    object_ = base + "/objects/{oid}"
    uploads: tuple[tuple[str, Handler, Purpose], ...] = (
        (object_, transfers.put, Purpose.UPLOAD),
        (object_ + "/parts/{part}", transfers.put_part, Purpose.PART),
    )
    for path, upload, purpose in uploads:
        expecting = _expecting(transfers, purpose)
        app.router.add_route("PUT", path, _framed(upload), expect_handler=expecting)
    others: tuple[tuple[str, str, Handler], ...] = (
        ("POST", "/objects/batch", partial(batch_api.batch, desk)),
        ("GET", "/objects/{oid}", transfers.get),
        ("HEAD", "/objects/{oid}", transfers.get),
        ("POST", "/objects/{oid}/complete", transfers.complete),
        ("POST", "/objects/{oid}/verify", transfers.verify),
        ("GET", "/locks", partial(lock_api.listing, desk)),
        ("POST", "/locks", partial(lock_api.create, desk)),
        ("POST", "/locks/verify", partial(lock_api.verify, desk)),
        ("POST", "/locks/{id}/unlock", partial(lock_api.unlock, desk)),
    )
    for method, path, handler in others:
        app.router.add_route(method, base + path, _framed(handler))
    app.router.add_route("*", base + "/{rest:.*}", _framed(_nothing))


def _framed(handler: Handler) -> Handler:
    async def enter(request: web.Request) -> web.StreamResponse:
        try:
            answer = await handler(request)
        except Exception as error:
            answer = error_answer(request, error)
        return answered(request, answer)

    return enter


def _expecting(
    transfers: Transfers, purpose: Purpose
) -> Callable[[web.Request], Awaitable[web.StreamResponse | None]]:
    """`Expect: 100-continue` is answered once the address is known to be good."""

    async def expect(request: web.Request) -> web.StreamResponse | None:
        try:
            if request.headers.get("Expect", "").lower() != "100-continue":
                raise LfsError(417, "Only 100-continue can be expected.")
            await transfers.check(request, purpose)
        except Exception as error:
            answer = error_answer(request, error)
            answer.force_close()  # the body that was announced will not come:
            request.content.feed_eof()  # nobody waits for it either
            return answer
        if request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None

    return expect


async def _nothing(request: web.Request) -> web.StreamResponse:
    raise LfsError(404, "git-lfs has no such call here.")
