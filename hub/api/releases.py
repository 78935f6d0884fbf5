"""Releases of a Space: their history, and going back to one. The original has no such call."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from hub.api.body import OwnBody
from hub.api.call import Call, answer
from hub.api.wire import stamp
from hub.releases import Line, listed, roll_back


class RollBack(OwnBody):
    """Without a number: the version before the present one."""

    release: int | None = Field(default=None, ge=1, le=2**31 - 1)


async def history(call: Call) -> web.StreamResponse:
    """Newest first; names and versions of secrets, never a value."""
    lines = await call.git(listed, call.context, call.space.key)
    return answer([release_json(line) for line in lines])


async def rollback(call: Call) -> web.StreamResponse:
    """The new release, as in the history, and `notes` on what could not be brought back."""
    number = (await call.body(RollBack)).release
    key, actor_id = call.space.key, call.actor.id
    done = await call.git(roll_back, call.context, key, number, actor_id=actor_id)
    lines = await call.git(listed, call.context, key)
    made = next(line for line in lines if line.release.id == done.release.id)
    return answer({"release": release_json(made), "notes": list(done.notes)})


def release_json(line: Line) -> dict[str, Any]:
    release, cause = line.release, line.cause
    return {
        "number": release.number,
        "revision": release.revision,
        "subject": line.subject,
        "build": line.build,
        "hardware": line.hardware,
        "variables": dict(release.variables),
        "secrets": dict(release.secret_versions),
        "createdAt": stamp(release.created_at),
        "liveAt": None if release.live_at is None else stamp(release.live_at),
        "state": release.state.value,
        "cause": None
        if cause is None
        else {"name": cause.cause.name, "message": f"{cause.sentence} {cause.hint}".strip()},
        "rollbackOf": release.rollback_of,
        "present": line.present,
        "canRollBack": line.offered,
        "refused": line.refused or None,
    }
