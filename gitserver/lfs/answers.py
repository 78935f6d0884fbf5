"""The one form of every answer of git-lfs: JSON, errors as `{"message"}` with what to do next."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from gitserver.access import Refusal
from gitserver.body import BodyTooLarge, BodyTooSlow
from gitserver.lfs.sockets import CutOff, TooSlow
from gitserver.lfs.staging import WrongContent
from spaceport.errors import Conflict, Invalid, NotFound, SpaceportError, Unavailable
from spaceport.ledger.large import QuotaFull

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/vnd.git-lfs+json"
_LOGIN = 'Basic realm="Spaceport", charset="UTF-8"'
_FULL = (errno.ENOSPC, errno.EDQUOT)


class LfsError(Exception):
    """An answer that is an error; `more` are further keys of its JSON."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.more = dict(more or {})
        self.headers = dict(headers or {})

    @classmethod
    def refused(cls, refusal: Refusal) -> LfsError:
        headers = {}
        if refusal.status == 401:
            headers = {"LFS-Authenticate": _LOGIN, "WWW-Authenticate": _LOGIN}
        if refusal.retry_after is not None:
            headers["Retry-After"] = str(refusal.retry_after)
        return cls(refusal.status, refusal.message, headers=headers)


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON in git-lfs's own media type."""
    response = web.json_response(value, status=status, content_type=MEDIA_TYPE, headers=headers)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def error_answer(request: web.Request, error: Exception) -> web.Response:
    """The answer for whatever a handler raised; what was not foreseen tells nothing."""
    known = _known(error)
    if known is None:
        logger.error("%s %s failed", request.method, request.path, exc_info=error)
        known = LfsError(500, "Internal error; the server's log has more.")
    return answer({"message": known.message, **known.more}, known.status, known.headers)


def _known(error: Exception) -> LfsError | None:
    if isinstance(error, LfsError):
        return error
    if isinstance(error, BodyTooLarge):
        return LfsError(413, "The request is larger than this server takes.")
    if isinstance(error, BodyTooSlow | TooSlow):
        headers = {"Connection": "close"}
        return LfsError(408, "The data came too slowly. Try again.", headers=headers)
    if isinstance(error, CutOff | web.RequestPayloadError):
        return LfsError(400, "The data was cut off. Send it again.")
    if isinstance(error, OSError) and error.errno in _FULL:
        return LfsError(507, "The server's disk is full. Try again later; nothing was kept.")
    if isinstance(error, SpaceportError):
        return _of_spaceport(error)
    if isinstance(error, web.HTTPException):
        return LfsError(error.status, error.reason)
    return None


def _of_spaceport(error: SpaceportError) -> LfsError | None:
    message = f"{error} {error.hint}".strip()
    if isinstance(error, WrongContent):
        return LfsError(422, f"{message} Nothing was kept.")
    if isinstance(error, QuotaFull):
        return LfsError(507, message)
    if isinstance(error, NotFound):
        return LfsError(404, message)
    if isinstance(error, Conflict):
        return LfsError(409, message)
    if isinstance(error, Invalid):
        return LfsError(422, message)
    if isinstance(error, Unavailable):
        return LfsError(503, message, headers={"Retry-After": "5"})
    return None
