"""Copying a Space (hub-api 3.6)."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.repos import MOST_SETTINGS, Entry, settings_of, visibility_of
from hub.api.storage import MOST as MOST_VOLUMES
from hub.api.storage import VolumeEntry
from hub.create_space import SpaceExists
from hub.duplicate_space import Copy, duplicate_space
from spaceport.authorize import REPO_NOT_FOUND
from spaceport.ledger.spaces import Visibility


class Duplicate(Body):
    """What the clients send; what a Space here cannot have is refused by name."""

    repository: str
    visibility: str | None = None
    private: bool | None = None
    hardware: str | None = None
    storageTier: str | None = None
    sleepTimeSeconds: int | None = None
    secrets: list[Entry] = Field(default=[], max_length=MOST_SETTINGS)
    variables: list[Entry] = Field(default=[], max_length=MOST_SETTINGS)
    volumes: list[VolumeEntry] = Field(default=[], max_length=MOST_VOLUMES)
    resourceGroupId: str | None = None  # there are none, and none is needed


async def duplicate(call: Call) -> web.StreamResponse:
    """200 with `url`; 409 with the `url` of the Space that has the name."""
    body = await call.body(Duplicate)
    owner, slash, name = body.repository.rpartition("/")
    if not slash:
        if call.actor.account is None:
            raise ApiError(401, "Sign in to do this", REPO_NOT_FOUND)
        owner = call.actor.account.name
    wanted = Copy(
        owner=owner,
        name=name,
        visibility=visibility_of(body.visibility, body.private) or Visibility.PRIVATE,
        sleep=body.sleepTimeSeconds,
        storage_tier=body.storageTier or "",
        volumes=tuple(entry.asked() for entry in body.volumes),
        variables=settings_of(body.variables),
        secrets=settings_of(body.secrets),
        **({"flavor": body.hardware} if body.hardware else {}),
    )
    source = call.space.id
    try:
        space = await call.git(duplicate_space, call.context, call.actor, source, wanted)
    except SpaceExists as error:
        url = f"{call.origin}/spaces/{error.space_id}"
        raise ApiError(409, "You already created this Space", more={"url": url}) from None
    return answer({"url": f"{call.origin}/spaces/{space.id}", "filesCopyPending": False})
