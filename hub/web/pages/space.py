"""A Space's own page: the app in its frame, the logs, and how to begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from hub.discussions import count_open
from hub.origin_shown import origin_of
from hub.web.cards import Face, card_of, face_of
from hub.web.status import Status, status_of
from hub.web.visit import Visit
from spaceport.addresses import page_path
from spaceport.authorize import Action, SpaceResource
from spaceport.ledger import Tx, replicas, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.origins import Origin
from spaceport.ledger.overview import Overview
from spaceport.ledger.spaces import Space, Visibility
from spaceport.push import short_ref
from spaceport.sdk import Sdk
from spaceport.stage import Stage, Wanted
from spaceport.starter import minimal_app

# What an app's frame may do: as on the original (13.3.3).
ALLOW = "; ".join(
    """accelerometer ambient-light-sensor autoplay battery camera clipboard-write document-domain
    encrypted-media fullscreen geolocation gyroscope layout-animations legacy-image-formats
    magnetometer microphone midi oversized-images payment picture-in-picture
    publickey-credentials-get sync-xhr usb vr wake-lock xr-spatial-tracking""".split()
)
SANDBOX = """allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-same-origin
    allow-scripts allow-downloads""".split()


@dataclass(frozen=True)
class Header:
    """What the head of every page of a Space shows."""

    space: Space
    face: Face
    status: Status
    manager: bool
    reader: bool
    app_url: str
    clone_url: str
    ssh_url: str
    origin: Origin | None  # what it is a copy of, if this visitor may know
    previews: bool  # whether branches of it have previews
    discussions: int | None  # how many are open; None where this visitor sees none

    @property
    def path(self) -> str:
        return page_path(self.space)

    @property
    def home(self) -> str:
        """The pages of the Space itself, also for a preview."""
        return f"/spaces/{self.space.id}"

    @property
    def preview(self) -> str:
        """The branch that is shown, for a preview."""
        return "" if self.space.ref is None else short_ref(self.space.ref)

    @property
    def copyable(self) -> bool:
        """Whether this visitor may copy it, once signed in."""
        return self.reader and not self.preview and (self.space.duplicable or self.manager)

    @property
    def static(self) -> bool:
        return self.space.sdk is Sdk.STATIC

    @property
    def paused(self) -> bool:
        return self.space.wanted is Wanted.PAUSED


async def header_of(visit: Visit, view: Overview) -> Header:
    space = view.space
    settings = visit.context.settings
    place = f"spaces/{space.id}"
    door = visit.context.ssh
    manager = visit.may(Action.MANAGE, SpaceResource.of(space))
    origin = None
    if space.origin is not None:
        origin = await visit.read(lambda tx: origin_of(tx, visit.actor, space))
    reader = visit.may(Action.READ, SpaceResource.of(space))
    open_ones = await visit.read(lambda tx: _open_discussions(tx, space)) if reader else None
    return Header(
        space=space,
        face=face_of(space, card_of(space)),
        status=await _status(visit, view),
        manager=manager,
        reader=reader,
        app_url=visit.context.app_url(space),
        clone_url=f"{settings.hub_url}/{place}",
        ssh_url="" if door is None else door.clone_url(place),
        origin=origin,
        previews=bool(await visit.read(lambda tx: spaces.preview_keys(tx, space.repository_key))),
        discussions=open_ones,
    )


def _open_discussions(tx: Tx, space: Space) -> int | None:
    """Also for a preview, which has those of its Space; None where they are switched off."""
    wanted = space if space.key == space.repository_key else spaces.get(tx, space.repository_key)
    return count_open(tx, wanted) if wanted.discussions else None


async def page(visit: Visit) -> web.StreamResponse:
    """`GET /spaces/{author}/{name}`: for everybody who may use the app (13.5.7).

    With `?duplicate=true` the form to copy it (6.2).
    """
    view = await visit.space(Action.USE_APP)
    if visit.query.get("duplicate", "").lower() in ("1", "true"):
        return visit.go(f"/spaces/{view.space.id}/duplicate")
    header = await header_of(visit, view)
    card = card_of(view.space)
    return visit.page(
        "space.html",
        header=header,
        tab="app",
        card=card,
        starters=minimal_app(view.space.sdk),
        page_data={
            "status": header.status.to_json(),
            "frame": _frame(visit, view.space),
            "allow": ALLOW,
            "sandbox": SANDBOX,
            "openLog": visit.query.get("logs", "") if header.manager else "",
        },
    )


async def status(visit: Visit) -> web.StreamResponse:
    """`GET /spaces/{author}/{name}/status`: JSON for the page's own script.

    With `?frame=1` also the address for the app's frame, which for a private Space holds a fresh
    ticket.
    """
    view = await visit.space(Action.USE_APP)
    found: dict[str, Any] = (await _status(visit, view)).to_json()
    if visit.query.get("frame"):
        found["frame"] = _frame(visit, view.space)
    return web.json_response(found)


async def wake(visit: Visit) -> web.StreamResponse:
    """`POST .../wake`: a visit of the page is a use of the app (8.3.6), whoever comes."""
    view = await visit.space(Action.USE_APP)
    if view.standing.stage is Stage.SLEEPING:
        key = view.space.key
        await visit.write(lambda tx: spaces.wake(tx, key, actor_id=visit.actor.id))
    return web.json_response({})


async def _status(visit: Visit, view: Overview) -> Status:
    def newest(tx: Tx) -> str:
        found = replicas.newest(tx, view.space.key)
        return found.id if found else ""

    manager = visit.may(Action.READ_LOGS, SpaceResource.of(view.space))
    return status_of(view, await visit.read(newest), manager=manager)


def _frame(visit: Visit, space: Space) -> dict[str, str]:
    """Where the frame goes: origin, first path, and the ticket that a private app asks for."""
    card = card_of(space)
    base = "/" if space.sdk is Sdk.STATIC else card.base_path
    sign = ""
    if space.visibility is Visibility.PRIVATE and not visit.actor.anonymous:
        sign = visit.context.tickets.mint(visit.actor, space.key, now())
    return {"origin": visit.context.app_url(space), "path": base, "sign": sign}
