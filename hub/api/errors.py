"""One form for every error of the API, and what gives it (hub-api 1.4).

JSON `{"error": text}` with `X-Error-Code`, `X-Error-Message` and `X-Request-Id`. What was not
foreseen becomes a 500 that names the request and nothing else (API-28).
"""

from __future__ import annotations

import errno
import json
import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from gitserver.content import TooLarge
from spaceport.authorize import Denied
from spaceport.errors import (
    BudgetSpent,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    SpaceportError,
    Unavailable,
)
from spaceport.identify import BadCredentials
from spaceport.ledger.large import QuotaFull

logger = logging.getLogger(__name__)

REVISION_NOT_FOUND = "RevisionNotFound"
ENTRY_NOT_FOUND = "EntryNotFound"
MAX_HEADER_TEXT = 500

REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)

_SANE_ID = re.compile(r"[A-Za-z0-9._:=/;+-]{1,128}")
_STATUS: tuple[tuple[type[SpaceportError], int], ...] = (
    (TooLarge, 413),
    (NotFound, 404),
    (Forbidden, 403),
    (Conflict, 409),
    (Invalid, 400),
    (BudgetSpent, 402),
    (Unavailable, 503),
    (QuotaFull, 507),
)
_FULL = (errno.ENOSPC, errno.EDQUOT)


class ApiError(Exception):
    """An answer that is an error; `more` are further keys of its JSON."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "",
        *,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.more = dict(more or {})
        self.headers = dict(headers or {})


def revision_not_found(rev: str) -> ApiError:
    return ApiError(404, f"Invalid rev id: {rev[:200]}", REVISION_NOT_FOUND)


def entry_not_found(path: str, revision: str = "") -> ApiError:
    """With the revision the client remembers the absence (hub-api 1.3)."""
    headers = {"X-Repo-Commit": revision} if revision else {}
    message = f"Entry not found: {path[:200]}"
    return ApiError(404, message, ENTRY_NOT_FOUND, headers=headers)


def framed(handler: Handler) -> Handler:
    """`handler` with a request id in every answer, and the one form for every error."""

    async def enter(request: web.Request) -> web.StreamResponse:
        request[REQUEST_ID] = _request_id(request)
        try:
            answer = await handler(request)
        except Exception as error:
            answer = error_answer(request, error)
        if not answer.prepared:
            answer.headers["X-Request-Id"] = request[REQUEST_ID]
            answer.headers["X-Content-Type-Options"] = "nosniff"
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    return enter


def error_answer(request: web.Request, error: Exception) -> web.Response:
    """The answer for whatever a handler raised."""
    known = as_api_error(error)
    if known is None:
        where = f"{request.method} {request.path}"
        logger.error("request %s: %s failed", request[REQUEST_ID], where, exc_info=error)
        text = f"Internal error; the server's log has request {request[REQUEST_ID]}"
        known = ApiError(500, text)
    headers = {"X-Error-Message": _header_text(known.message), **known.headers}
    if known.code:
        headers["X-Error-Code"] = known.code
    body = json.dumps({"error": known.message, **known.more})
    return web.Response(
        status=known.status, text=body, content_type="application/json", headers=headers
    )


def as_api_error(error: Exception) -> ApiError | None:
    """What an exception says to a client; None for one that says nothing."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, Denied):
        decision = error.decision
        headers = {"WWW-Authenticate": 'Bearer realm="Spaceport"'} if decision.status == 401 else {}
        return ApiError(decision.status, decision.message, decision.code, headers=headers)
    if isinstance(error, BadCredentials):
        headers = {"WWW-Authenticate": 'Bearer realm="Spaceport"'} if error.status == 401 else {}
        return ApiError(error.status, str(error), headers=headers)
    if isinstance(error, SpaceportError):
        return _of_spaceport(error)
    if isinstance(error, OSError) and error.errno in _FULL:
        return ApiError(507, "The server's disk is full; nothing was changed")
    if isinstance(error, web.HTTPException):
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return ApiError(error.status, error.reason, headers=headers)
    return None


def _of_spaceport(error: SpaceportError) -> ApiError | None:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), None)
    if status is None:
        return None
    message = f"{error} {error.hint}".strip()
    return ApiError(status, message, headers={"Retry-After": "5"} if status == 503 else {})


def _request_id(request: web.Request) -> str:
    for name in ("X-Request-Id", "X-Amzn-Trace-Id"):
        given = request.headers.get(name, "")
        if _SANE_ID.fullmatch(given):
            return given
    return str(uuid.uuid4())


def _header_text(text: str) -> str:
    """One line of visible ASCII."""
    flat = "".join(char if char.isascii() and char.isprintable() else " " for char in text)
    return flat[:MAX_HEADER_TEXT].strip()
