"""The settings page as a frame: each subject brings a section, and its forms come back here.

A subject has its form's handlers in `hub/web/pages/<subject>_settings.py`, what it shows in
`hub/web/sections/<subject>.py`, and its part of the page in `templates/settings/<subject>.html`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web

from hub.web.pages.space import header_of
from hub.web.sections import (
    disk,
    entries,
    figures,
    hardware,
    name,
    network,
    previews,
    releases,
    storage,
    usage,
    visibility,
)
from hub.web.visit import Visit
from spaceport.addresses import page_path
from spaceport.authorize import Action
from spaceport.errors import SpaceportError
from spaceport.ledger import Tx
from spaceport.ledger.overview import Overview
from spaceport.ledger.spaces import Space

Section = Callable[[Visit, Overview], Awaitable[Mapping[str, Any]]]
"""What a section shows of a Space: values for the page's template."""

SECTIONS: tuple[Section, ...] = (
    previews.section,
    disk.section,
    entries.section,
    hardware.section,
    network.section,
    storage.section,
    visibility.section,
    releases.section,
    usage.section,
    name.section,
    figures.section,
)


async def change_and_return(
    visit: Visit,
    change: Callable[[Tx, Space], object],
    at: str,
    *,
    action: Action = Action.MANAGE,
) -> web.StreamResponse:
    """Do it and go back to where the form stands; what is wrong is told beside that form."""
    view = await visit.space(Action.USE_APP, action)
    try:
        await visit.write(lambda tx: change(tx, view.space))
    except SpaceportError as error:
        return await show(visit, view, problem=f"{error} {error.hint}".strip(), at=at)
    base = page_path(view.space)
    return visit.go(f"{base}/settings#{at}" if at else base)


async def show(
    visit: Visit,
    view: Overview,
    *,
    problem: str = "",
    notes: Sequence[str] = (),
    at: str = "",
) -> web.StreamResponse:
    """The whole page; `problem` and `notes` stand in the section `at`."""
    shown: dict[str, Any] = {}
    for section in SECTIONS:
        shown |= await section(visit, view)
    return visit.page(
        "space_settings.html",
        status=400 if problem else 200,
        header=await header_of(visit, view),
        tab="settings",
        notes=notes,
        problem=problem,
        at=at,
        **shown,
    )
