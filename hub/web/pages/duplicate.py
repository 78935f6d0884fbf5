"""The form to copy a Space: owner, name, visibility, hardware, variables, secrets (6.2 to 6.9)."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from config.catalogue import FREE_FLAVOR
from hub.create_space import Setting
from hub.duplicate_space import Copy, duplicate_space, readable_source
from hub.hardware import offered
from hub.web.cards import card_of
from hub.web.pages.create import VISIBILITIES, owners_of
from hub.web.pages.space import header_of
from hub.web.visit import Visit
from spaceport.authorize import Action
from spaceport.errors import Invalid, SpaceportError
from spaceport.ledger import Tx, secrets, variables
from spaceport.ledger.overview import Overview
from spaceport.ledger.secrets import SecretName
from spaceport.ledger.spaces import Visibility
from spaceport.ledger.variables import Variable

VARIABLE, SECRET = "variable.", "secret."  # what the fields' names begin with


async def form(visit: Visit) -> web.StreamResponse:
    """`GET .../duplicate`."""
    view = await visit.space(Action.READ)
    return await _page(visit, view, {})


async def duplicate(visit: Visit) -> web.StreamResponse:
    """`POST .../duplicate`; what is wrong is told above the form, which keeps what was typed
    but for the secrets."""
    view = await visit.space(Action.READ)
    fields = await visit.form()
    try:
        wanted = _wanted(fields)
        space = await visit.on(
            "git", duplicate_space, visit.context, visit.actor, view.space.id, wanted
        )
    except SpaceportError as error:
        if visit.actor.anonymous:
            raise
        return await _page(visit, view, fields, problem=f"{error} {error.hint}".strip())
    return visit.go(f"/spaces/{space.id}")


def _wanted(fields: Mapping[str, str]) -> Copy:
    try:
        visibility = Visibility(fields.get("visibility", Visibility.PRIVATE.value))
    except ValueError as error:
        raise Invalid("Choose who can see the copy.") from error
    return Copy(
        owner=fields.get("owner", ""),
        name=fields.get("name", "").strip(),
        visibility=visibility,
        flavor=fields.get("hardware") or FREE_FLAVOR,
        variables=_settings(fields, VARIABLE),
        secrets=_settings(fields, SECRET),
    )


def _settings(fields: Mapping[str, str], prefix: str) -> tuple[Setting, ...]:
    return tuple(
        Setting(name.removeprefix(prefix), value.replace("\r\n", "\n"))
        for name, value in fields.items()
        if name.startswith(prefix)
    )


async def _page(
    visit: Visit, view: Overview, fields: Mapping[str, str], *, problem: str = ""
) -> web.StreamResponse:
    owners = await owners_of(visit)
    space = view.space

    def look(tx: Tx) -> tuple[list[Variable], list[SecretName]]:
        readable_source(tx, visit.actor, space.id)
        return variables.listed(tx, space.key), secrets.names(tx, space.key)

    shown, hidden = await visit.read(look)
    suggested = card_of(space).suggested_hardware
    known = [] if space.sdk.value == "static" else offered(visit.context)
    return visit.page(
        "duplicate.html",
        status=400 if problem else 200,
        header=await header_of(visit, view),
        tab="",
        owners=owners,
        visibilities=VISIBILITIES,
        flavors=known,
        suggested=next((each for each in known if each.slug == suggested), None),
        suggested_name=suggested or "",
        variables=shown,
        secrets=hidden,
        fields={
            "owner": "",
            "name": space.id.name,
            "visibility": Visibility.PRIVATE.value,
            "hardware": FREE_FLAVOR,
            **fields,
        },
        problem=problem,
    )
