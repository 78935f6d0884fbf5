"""The form for a new Space, with its live check of the name."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from hub.create_space import NewSpace, create_space
from hub.web.visit import Visit
from spaceport.authorize import Action, Namespace, authorize
from spaceport.errors import Invalid, SpaceportError
from spaceport.ledger import Tx, accounts, former_ids, memberships, spaces
from spaceport.ledger.spaces import Visibility
from spaceport.licenses import LICENSES
from spaceport.names import SpaceId, check_space_name, host_label
from spaceport.sdk import Sdk

SDKS = (
    (Sdk.GRADIO, "Gradio", "A Python function with a web interface"),
    (Sdk.STREAMLIT, "Streamlit", "A data app written as a Python script"),
    (Sdk.DOCKER, "Docker", "Anything that a Dockerfile can build"),
    (Sdk.STATIC, "Static", "HTML, CSS and JavaScript, served as they are"),
)
VISIBILITIES = (
    (Visibility.PUBLIC, "Public", "Everybody can use the app and read its files."),
    (Visibility.PROTECTED, "Protected", "Everybody can use the app; the files are yours."),
    (Visibility.PRIVATE, "Private", "Only you and your organisation can see it."),
)

_BLANK = {
    "owner": "",
    "name": "",
    "short_description": "",
    "license": "",
    "sdk": Sdk.GRADIO.value,
    "visibility": Visibility.PUBLIC.value,
}


async def form(visit: Visit) -> web.StreamResponse:
    """`GET /new-space`; `?owner=`, `?name=` and `?sdk=` fill it in (1.1.2)."""
    _account_id(visit)
    return await _page(visit, dict(visit.query))


async def create(visit: Visit) -> web.StreamResponse:
    """`POST /new-space`."""
    fields = await visit.form()
    try:
        wanted = _wanted(fields)
        space = await visit.on("git", create_space, visit.context, visit.actor, wanted)
    except SpaceportError as error:
        if visit.actor.anonymous:
            raise
        problem = f"{error} {error.hint}".strip()
        return await _page(visit, fields, problem=problem)
    return visit.go(f"/spaces/{space.id}")


async def check(visit: Visit) -> web.StreamResponse:
    """`GET /new-space/check?owner=&name=`: whether the name can be had, and the app's address."""
    _account_id(visit)
    owner, name = visit.query.get("owner", ""), visit.query.get("name", "")
    try:
        check_space_name(name)
    except Invalid as error:
        return web.json_response({"free": False, "message": str(error)})
    space_id = SpaceId(owner, name)

    def look(tx: Tx) -> tuple[bool, str]:
        account = accounts.by_name(tx, owner)
        # Asked about others' names it would tell of private Spaces.
        if account is None or not visit.may(Action.CREATE, Namespace(account.id)):
            return False, f"You cannot create a Space under {owner}."
        if spaces.by_id(tx, space_id) is not None:
            return False, f"There is a Space called {space_id} already."
        if former_ids.holder(tx, space_id) is not None:
            return False, f"{space_id} is the former name of another Space, and leads there."
        label = host_label(space_id, "")
        if spaces.by_label(tx, label) is not None:
            return True, "The name is free; the app's address gets a few digits more."
        return True, f"The app will be at {visit.context.settings.space_url(label)}"

    free, message = await visit.read(look)
    return web.json_response({"free": free, "message": message})


def _wanted(fields: Mapping[str, str]) -> NewSpace:
    try:
        sdk, visibility = Sdk(fields.get("sdk", "")), Visibility(fields.get("visibility", ""))
    except ValueError as error:
        raise Invalid("Choose an SDK and who can see the Space.") from error
    return NewSpace(
        owner=fields.get("owner", ""),
        name=fields.get("name", "").strip(),
        sdk=sdk,
        visibility=visibility,
        license=fields.get("license", ""),
        short_description=fields.get("short_description", "").strip(),
    )


async def _page(
    visit: Visit, fields: Mapping[str, str], *, problem: str = ""
) -> web.StreamResponse:
    return visit.page(
        "new_space.html",
        status=400 if problem else 200,
        owners=await owners_of(visit),
        fields={**_BLANK, **fields},
        problem=problem,
        sdks=SDKS,
        visibilities=VISIBILITIES,
        licenses=LICENSES,
    )


async def owners_of(visit: Visit) -> list[str]:
    """Whose Spaces the visitor may create. Raises `Denied`, which sends a visitor to sign in."""
    account_id = _account_id(visit)

    def look(tx: Tx) -> list[str]:
        own = accounts.get(tx, account_id)
        orgs = [org for org, _ in memberships.orgs_of(tx, account_id)]
        return [
            owner.name for owner in (own, *orgs) if visit.may(Action.CREATE, Namespace(owner.id))
        ]

    return await visit.read(look)


def _account_id(visit: Visit) -> str:
    """Who creates. Raises `Denied`, which sends a visitor to sign in."""
    account = visit.actor.account
    authorize(visit.actor, Action.CREATE, Namespace(account.id if account else "")).require()
    return account.id if account else ""
