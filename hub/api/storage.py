"""Persistent storage and volumes of a Space (spaces-behaviour 4.5, hub-api 9 and 10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web
from pydantic import Field

from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.wire import runtime_json
from hub.storage import Asked, choose_tier, clear_volumes, set_volumes, shown_volumes
from spaceport.ledger import Tx, volumes
from spaceport.ledger.overview import overview
from spaceport.names import SpaceKey

MOST = 100  # more than a Space may have is refused in words


class VolumeEntry(Body):
    type: str
    source: str = Field(max_length=200)
    mountPath: str
    revision: str | None = Field(default=None, max_length=255)
    readOnly: bool | None = None
    path: str | None = Field(default=None, max_length=1000)

    def asked(self) -> Asked:
        return Asked(
            self.type, self.source, self.mountPath, self.revision, self.readOnly, self.path
        )


class Tier(Body):
    tier: str


class Volumes(Body):
    volumes: list[VolumeEntry] = Field(max_length=MOST)


async def set_storage(call: Call) -> web.StreamResponse:
    """The first disk, or a larger one; the app restarts with it."""
    tier = (await call.body(Tier)).tier
    return await _changed(
        call, lambda tx: choose_tier(tx, call.context, call.space, tier, actor_id=call.actor.id)
    )


async def delete_storage(call: Call) -> web.StreamResponse:
    """With everything in it, for good; 400 when there is none."""
    return await _changed(
        call, lambda tx: volumes.remove(tx, call.space.key, actor_id=call.actor.id)
    )


async def put_volumes(call: Call) -> web.StreamResponse:
    """The whole list is replaced."""
    asked = [entry.asked() for entry in (await call.body(Volumes)).volumes]
    return await _changed(
        call, lambda tx: set_volumes(tx, call.context, call.actor, call.space, asked)
    )


async def delete_volumes(call: Call) -> web.StreamResponse:
    """400 when there are none."""
    return await _changed(call, lambda tx: clear_volumes(tx, call.space, actor_id=call.actor.id))


async def runtime(call: Call) -> web.StreamResponse:
    """`GET .../runtime`."""
    return answer(await call.read(lambda tx: seen_runtime(tx, call, call.space.key)))


def seen_runtime(tx: Tx, call: Call, key: SpaceKey) -> dict[str, Any]:
    """The runtime object with the volumes, as far as the caller may know them."""
    view = overview(tx, key)
    shown = runtime_json(call.context, view)
    if view.volumes:
        shown["volumes"] = shown_volumes(tx, call.actor, view)
    return shown


async def _changed(call: Call, change: Callable[[Tx], object]) -> web.StreamResponse:
    def write(tx: Tx) -> dict[str, Any]:
        change(tx)
        return seen_runtime(tx, call, call.space.key)

    return answer(await call.write(write))
