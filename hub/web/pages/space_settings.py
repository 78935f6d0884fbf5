"""A Space's settings: variables, secrets, visibility, pause and restart, deletion."""

from __future__ import annotations

from aiohttp import web

from hub.delete_space import delete_space
from hub.releases import roll_back
from hub.web.pages.settings_frame import change_and_return, show
from hub.web.visit import Visit
from spaceport.addresses import page_path
from spaceport.authorize import Action
from spaceport.errors import Conflict, Invalid, SpaceportError
from spaceport.ledger import Tx, secrets, spaces, variables
from spaceport.ledger.spaces import Space, Visibility
from spaceport.sdk import Sdk
from spaceport.stage import Wanted


async def page(visit: Visit) -> web.StreamResponse:
    """`GET .../settings`."""
    return await show(visit, await visit.space(Action.USE_APP, Action.MANAGE))


async def set_variable(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/variables`."""
    fields = await visit.form()

    def change(tx: Tx, space: Space) -> None:
        variables.set_(
            tx,
            space.key,
            fields.get("key", "").strip(),
            fields.get("value", "").replace("\r\n", "\n"),
            description=fields.get("description") or None,
            actor_id=visit.actor.id,
        )

    return await change_and_return(visit, change, "variables")


async def remove_variable(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/variables/delete`."""
    name = (await visit.form()).get("key", "")
    return await change_and_return(
        visit,
        lambda tx, space: variables.remove(tx, space.key, name, actor_id=visit.actor.id),
        "variables",
    )


async def set_secret(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/secrets`: the value goes in and never comes out."""
    fields = await visit.form()

    def change(tx: Tx, space: Space) -> None:
        secrets.set_(
            tx,
            visit.context.keyring,
            space.key,
            fields.get("key", "").strip(),
            fields.get("value", "").replace("\r\n", "\n"),
            description=fields.get("description") or None,
            actor_id=visit.actor.id,
        )

    return await change_and_return(visit, change, "secrets")


async def remove_secret(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/secrets/delete`."""
    name = (await visit.form()).get("key", "")
    return await change_and_return(
        visit,
        lambda tx, space: secrets.remove(tx, space.key, name, actor_id=visit.actor.id),
        "secrets",
    )


async def set_visibility(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/visibility`."""
    wanted = (await visit.form()).get("visibility", "")
    if wanted not in set(Visibility):
        raise Invalid("Choose who can see the Space.")
    return await change_and_return(
        visit,
        lambda tx, space: spaces.set_visibility(
            tx, space.key, Visibility(wanted), actor_id=visit.actor.id
        ),
        "visibility",
        action=Action.ADMINISTER,
    )


async def pause(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/pause`."""

    def change(tx: Tx, space: Space) -> None:
        _refuse_static(space)
        spaces.want(tx, space.key, Wanted.PAUSED, actor_id=visit.actor.id)

    return await change_and_return(visit, change, "")


async def restart(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/restart`; with `factory=1` everything is built again."""
    factory = (await visit.form()).get("factory") == "1"

    def change(tx: Tx, space: Space) -> None:
        _refuse_static(space)
        spaces.restart(tx, space.key, factory=factory, actor_id=visit.actor.id)

    return await change_and_return(visit, change, "")


async def set_copies(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/copies`: whether readers may duplicate the Space (6.13)."""
    allowed = (await visit.form()).get("allowed") == "1"
    return await change_and_return(
        visit,
        lambda tx, space: spaces.set_duplicable(tx, space.key, allowed, actor_id=visit.actor.id),
        "visibility",
        action=Action.ADMINISTER,
    )


async def rollback(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/rollback`: to the release of that number."""
    view = await visit.space(Action.USE_APP, Action.MANAGE)
    number = (await visit.form()).get("release", "")
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise Invalid("Choose a release of the list.")
    key, actor_id = view.space.key, visit.actor.id
    try:
        done = await visit.on("git", roll_back, visit.context, key, int(number), actor_id=actor_id)
    except SpaceportError as error:
        problem = f"{error} {error.hint}".strip()
        return await show(visit, view, problem=problem, at="releases")
    if done.notes:  # told on the page itself: they concern this one rollback
        view = await visit.space(Action.USE_APP, Action.MANAGE)
        return await show(visit, view, notes=done.notes, at="releases")
    return visit.go(f"{page_path(view.space)}/settings#releases")


async def delete(visit: Visit) -> web.StreamResponse:
    """`POST .../settings/delete`: only with the name typed."""
    view = await visit.space(Action.USE_APP, Action.ADMINISTER)
    typed = (await visit.form()).get("confirm", "").strip()
    if typed.lower() != str(view.space.id).lower():
        problem = f"Type {view.space.id} to delete it."
        return await show(visit, view, problem=problem, at="delete")
    await visit.on("db", delete_space, visit.context, visit.actor, view.space.id)
    return visit.go(f"/{view.space.id.author}")


def _refuse_static(space: Space) -> None:
    if space.sdk is Sdk.STATIC:
        raise Conflict("A static Space is files only: there is nothing to pause or restart.")
