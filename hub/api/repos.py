"""Life of a repository: create, move and delete (hub-api 3.1, 3.3, 3.4)."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from hub.api.body import Body
from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.storage import MOST as MOST_VOLUMES
from hub.api.storage import VolumeEntry
from hub.create_space import NewSpace, Setting, SpaceExists, create_space
from hub.delete_space import delete_space
from hub.move_space import move_space
from spaceport.authorize import HIDDEN, REPO_NOT_FOUND, SIGN_IN, Denied
from spaceport.ledger.spaces import Visibility
from spaceport.names import SpaceId
from spaceport.sdk import Sdk

MOST_SETTINGS = 300
OTHER_KINDS = ("model", "dataset", "kernel")


class Entry(Body):
    key: str
    value: str = Field(repr=False)
    description: str | None = None


class Create(Body):
    """What the clients send, old and new; what a Space here cannot have is refused by name."""

    name: str
    organization: str | None = None
    type: str = "model"
    sdk: str | None = None
    visibility: str | None = None
    private: bool | None = None
    license: str | None = None
    short_description: str | None = None
    hardware: str | None = None
    sleepTimeSeconds: int | None = None
    secrets: list[Entry] = Field(default=[], max_length=MOST_SETTINGS)
    variables: list[Entry] = Field(default=[], max_length=MOST_SETTINGS)
    template: str | None = None
    volumes: list[VolumeEntry] = Field(default=[], max_length=MOST_VOLUMES)
    storageTier: str | None = None
    resourceGroupId: str | None = None  # there are none, and none is needed
    region: str | None = None


class Move(Body):
    """`keepSecrets` is Spaceport's own: whether secrets follow to another owner (API-31)."""

    fromRepo: str
    toRepo: str
    type: str = "model"
    keepSecrets: bool = False


class Delete(Body):
    name: str
    organization: str | None = None
    type: str = "model"


async def create(call: Call) -> web.StreamResponse:
    """200 with `url`; 409 with the `url` of the Space that has the name."""
    body = await call.body(Create)
    wanted = _wanted(call, body)
    try:
        space = await call.git(create_space, call.context, call.actor, wanted)
    except SpaceExists as error:
        url = f"{call.origin}/spaces/{error.space_id}"
        raise ApiError(409, "You already created this Space", more={"url": url}) from None
    url = f"{call.origin}/spaces/{space.id}"
    return answer({"url": url, "name": str(space.id), "id": space.key})


async def delete(call: Call) -> web.StreamResponse:
    """200 with the text `OK`, as the original."""
    body = await call.body(Delete)
    if body.type in OTHER_KINDS:  # there is none to delete, which `missing_ok` passes over
        raise Denied(SIGN_IN if call.actor.anonymous else HIDDEN)
    _must_be_space(body.type)
    space_id = SpaceId(_owner(call, body.name, body.organization), body.name.rpartition("/")[2])
    await call.git(delete_space, call.context, call.actor, space_id)
    return web.Response(text="OK")


async def move(call: Call) -> web.StreamResponse:
    """Rename or give away (hub-api 3.4); says which secrets did not follow."""
    body = await call.body(Move)
    _must_be_space(body.type)
    source = SpaceId(_owner(call, body.fromRepo, None), body.fromRepo.rpartition("/")[2])
    target = SpaceId(_owner(call, body.toRepo, None), body.toRepo.rpartition("/")[2])
    moved = await call.git(
        move_space, call.context, call.actor, source, target, keep_secrets=body.keepSecrets
    )
    url = f"{call.origin}/spaces/{moved.space.id}"
    return answer({"url": url, "lostSecrets": list(moved.lost_secrets)})


def _wanted(call: Call, body: Create) -> NewSpace:
    _must_be_space(body.type)
    if body.template:
        raise ApiError(400, "This server has no template for Spaces")
    return NewSpace(
        owner=_owner(call, body.name, body.organization),
        name=body.name.rpartition("/")[2],
        sdk=_sdk(body.sdk),
        visibility=visibility_of(body.visibility, body.private) or Visibility.PUBLIC,
        sleep=body.sleepTimeSeconds,
        storage_tier=body.storageTier or "",
        volumes=tuple(entry.asked() for entry in body.volumes),
        license=body.license or "",
        short_description=body.short_description or "",
        variables=settings_of(body.variables),
        secrets=settings_of(body.secrets),
        **({"flavor": body.hardware} if body.hardware else {}),
    )


def settings_of(entries: list[Entry]) -> tuple[Setting, ...]:
    """Variables or secrets of a request, for `create_space` and `duplicate_space`."""
    return tuple(Setting(entry.key, entry.value, entry.description) for entry in entries)


def _owner(call: Call, name: str, organization: str | None) -> str:
    """The namespace meant: that of a whole id, else the organisation, else the caller's own."""
    namespace, slash, _ = name.rpartition("/")
    if slash and organization and namespace.lower() != organization.lower():
        raise ApiError(400, "The name and the organization contradict each other")
    if namespace or organization:
        return namespace or organization or ""
    if call.actor.account is None:
        raise ApiError(401, "Sign in to do this", REPO_NOT_FOUND)
    return call.actor.account.name


def _must_be_space(kind: str) -> None:
    if kind != "space":
        raise ApiError(
            400, f"This server hosts Spaces only, and no repository of type {kind!r:.40}"
        )


def _sdk(given: str | None) -> Sdk:
    try:
        return Sdk(given or "")
    except ValueError:
        known = ", ".join(Sdk)
        raise ApiError(400, f"The sdk of a Space is one of: {known}") from None


def visibility_of(visibility: str | None, private: bool | None) -> Visibility | None:
    """Of `visibility`, or of the `private` that older clients send; None when neither is given."""
    if visibility is not None:
        try:
            return Visibility(visibility)
        except ValueError:
            known = ", ".join(Visibility)
            raise ApiError(400, f"The visibility is one of: {known}") from None
    if private is None:
        return None
    return Visibility.PRIVATE if private else Visibility.PUBLIC
