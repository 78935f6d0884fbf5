"""Settings of a Space: variables, secrets, visibility (hub-api 3.5 and 9)."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.repos import visibility_of
from hub.api.wire import stamp
from spaceport.ledger import Tx, discussions, previews, secrets, spaces, variables


class SetEntry(Body):
    key: str
    value: str = Field(repr=False)
    description: str | None = None


class RemoveEntry(Body):
    key: str


class Settings(Body):
    """Any of these; `gated` may only be what it is."""

    visibility: str | None = None
    private: bool | None = None
    gated: bool | str | None = None
    duplicationDisabled: bool | None = None
    discussionsDisabled: bool | None = None
    previews: bool | None = None  # ours: whether branches get previews


async def get_variables(call: Call) -> web.StreamResponse:
    return answer(await call.read(lambda tx: _variables(tx, call.space.key)))


async def set_variable(call: Call) -> web.StreamResponse:
    """The whole map afterwards."""
    body = await call.body(SetEntry)

    def write(tx: Tx) -> dict[str, Any]:
        variables.set_(
            tx,
            call.space.key,
            body.key,
            body.value,
            description=body.description,
            actor_id=call.actor.id,
        )
        return _variables(tx, call.space.key)

    return answer(await call.write(write))


async def remove_variable(call: Call) -> web.StreamResponse:
    """The whole map afterwards; one that is not there is no error."""
    body = await call.body(RemoveEntry)

    def write(tx: Tx) -> dict[str, Any]:
        variables.remove(tx, call.space.key, body.key, actor_id=call.actor.id)
        return _variables(tx, call.space.key)

    return answer(await call.write(write))


async def get_secrets(call: Call) -> web.StreamResponse:
    """Names, descriptions, times; never a value."""
    found = await call.read(lambda tx: secrets.names(tx, call.space.key))
    return answer(
        {
            entry.name: {
                "description": entry.description or "",
                "updatedAt": stamp(entry.updated_at),
            }
            for entry in found
        }
    )


async def set_secret(call: Call) -> web.StreamResponse:
    body = await call.body(SetEntry)

    def write(tx: Tx) -> None:
        secrets.set_(
            tx,
            call.context.keyring,
            call.space.key,
            body.key,
            body.value,
            description=body.description,
            actor_id=call.actor.id,
        )

    await call.write(write)
    return answer({})


async def remove_secret(call: Call) -> web.StreamResponse:
    """One that is not there is no error."""
    body = await call.body(RemoveEntry)
    actor_id = call.actor.id
    await call.write(lambda tx: secrets.remove(tx, call.space.key, body.key, actor_id=actor_id))
    return answer({})


async def change(call: Call) -> web.StreamResponse:
    """Visibility, in the new or the old way of saying it, whether readers may copy it,
    discussions, previews."""
    body = await call.body(Settings)
    if body.gated not in (None, False):
        raise ApiError(400, "This server has no gated repositories")
    wanted = visibility_of(body.visibility, body.private)
    key, actor_id, disabled = call.space.key, call.actor.id, body.duplicationDisabled

    def write(tx: Tx) -> None:
        if wanted is not None:
            spaces.set_visibility(tx, key, wanted, actor_id=actor_id)
        if disabled is not None:
            spaces.set_duplicable(tx, key, not disabled, actor_id=actor_id)
        if body.discussionsDisabled is not None:
            discussions.set_wanted(tx, key, not body.discussionsDisabled, actor_id=actor_id)
        if body.previews is not None:
            previews.set_wanted(tx, key, body.previews, actor_id=actor_id)

    await call.write(write)
    shown = wanted or call.space.visibility
    return answer({"visibility": shown.value, "private": shown.value != "public"})


def _variables(tx: Tx, key: str) -> dict[str, Any]:
    return {
        entry.name: {
            "value": entry.value,
            "description": entry.description or "",
            "updatedAt": stamp(entry.updated_at),
        }
        for entry in variables.listed(tx, key)
    }
