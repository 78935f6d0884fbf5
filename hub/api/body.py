"""Bodies of requests: bounded before they are read, strict before they are believed (API-11)."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from config.hub import ApiLimits
from hub.api.errors import ApiError
from spaceport.pools import Pools

T = TypeVar("T", bound=BaseModel)

SMALL = 32 * 1024  # parsed on the event loop; more takes too long there
OURS = frozenset({"_id", "createdAt", "id", "isAdmin", "owner", "plan", "role"})
NOT_YOURS = "not_yours"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
JSON_TYPES = ("application/json", "text/json", "")


class Body(BaseModel):
    """A JSON body. Types are exact (a number is no text).

    A key that is unknown is passed over: a newer client may send more than there was. One that
    only the server writes is refused, so that nobody believes to have set it (API-12).
    """

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _writes_nothing_of_ours(cls, found: Any) -> Any:
        if isinstance(found, dict):
            taken = sorted(OURS & (found.keys() - cls.model_fields.keys()))
            if taken:
                raise PydanticCustomError(NOT_YOURS, f"{', '.join(taken)} cannot be set")
        return found


class OwnBody(Body):
    """The body of a call that only this server has: an unknown key is a mistake of the caller."""

    model_config = ConfigDict(extra="forbid")


async def read_bytes(request: web.Request, limit: int, idle: float) -> bytes:
    """The whole body. Raises 413 above `limit` bytes, 408 after `idle` seconds of silence."""
    check_size(request, limit)
    pieces: list[bytes] = []
    size = 0
    while True:
        try:
            piece = await asyncio.wait_for(request.content.readany(), idle)
        except TimeoutError:
            raise ApiError(408, "The body did not arrive in time") from None
        if not piece:
            return b"".join(pieces)
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        pieces.append(piece)


async def read_json(request: web.Request, limits: ApiLimits, pools: Pools) -> Any:
    """A JSON document, or `{}` for an empty body. Raises 400, 413 and 415."""
    if request.body_exists and request.content_type not in (
        *JSON_TYPES,
        "application/octet-stream",
    ):
        raise ApiError(415, "Send JSON with Content-Type: application/json")
    data = await read_bytes(request, limits.json_bytes, limits.body_idle)
    if not data.strip():
        return {}
    if len(data) <= SMALL:
        return parse_json(data, limits.json_depth)
    return await pools.run("files", parse_json, data, limits.json_depth)


def parse_json(data: bytes, depth: int) -> Any:
    """Strict JSON: Unicode, no key twice, no NaN, at most `depth` levels. Raises 400."""
    try:
        text = data.decode()
        if _levels(text) > depth:
            raise ApiError(400, f"The JSON has more than {depth} levels")
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        if _SURROGATE.search(text):  # a pair is one character; half a pair is none
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The body is not valid JSON: {error}"[:300]) from None


def validate(model: type[T], found: Any) -> T:
    """Raises 400 for keys that nobody may set, 422 for values of the wrong kind; all are named."""
    try:
        return model.model_validate(found)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False)
        taken = any(mistake["type"] in (NOT_YOURS, "extra_forbidden") for mistake in mistakes)
        lines = [f"{_path(mistake['loc'])}: {mistake['msg']}" for mistake in mistakes[:10]]
        raise ApiError(400 if taken else 422, "; ".join(lines)) from None


def _path(parts: tuple[int | str, ...]) -> str:
    return ".".join(str(part)[:60] for part in parts) or "body"


def _levels(text: str) -> int:
    """An upper bound of the nesting: brackets within strings count too, which only errs to safety
    for texts that are full of them."""
    level = deepest = 0
    inside = escaped = False
    for char in text:
        if inside:
            if escaped:
                escaped = False
            elif char == "\\":
                escaped = True
            elif char == '"':
                inside = False
        elif char == '"':
            inside = True
        elif char in "[{":
            level += 1
            deepest = max(deepest, level)
        elif char in "]}":
            level -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def check_size(request: web.Request, limit: int) -> None:
    """Raise 413 for a body that says it is larger, 415 for one that is compressed."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ApiError(415, "Send the body without Content-Encoding")
    if request.content_length is not None and request.content_length > limit:
        raise too_large(limit)


def too_large(limit: int) -> ApiError:
    return ApiError(413, f"The body has more than {limit} bytes", headers={"Connection": "close"})
