"""Requests for community grants, for administrators to decide (spaces-behaviour 4.7)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time

from aiohttp import web

from config.catalogue import FREE_FLAVOR
from hub.web.visit import Visit
from spaceport.authorize import Action, Site, authorize
from spaceport.errors import Invalid, SpaceportError
from spaceport.ledger import Tx, accounts, grants, spaces
from spaceport.ledger.grants import Grant, GrantState


async def page(visit: Visit) -> web.StreamResponse:
    """`GET /admin/grants`."""
    return await _page(visit)


async def decide(visit: Visit) -> web.StreamResponse:
    """`POST /admin/grants`: `verdict` is approve, decline or end."""
    _must_administer(visit)
    fields, actor_id = await visit.form(), visit.actor.id
    answer = fields.get("answer", "").strip()[:1000]

    def approve(tx: Tx, grant: Grant) -> None:
        flavor = visit.context.catalogue.flavor(fields.get("flavor", grant.flavor)).slug
        grants.approve(tx, grant, flavor, _day(fields.get("until", "")), answer, actor_id=actor_id)

    verdicts: dict[str, Callable[[Tx, Grant], None]] = {
        "approve": approve,
        "decline": lambda tx, grant: grants.decline(tx, grant, answer, actor_id=actor_id),
        "end": lambda tx, grant: grants.end(tx, grant, FREE_FLAVOR, actor_id=actor_id),
    }
    verdict = verdicts.get(fields.get("verdict", ""))
    try:
        if verdict is None:
            raise Invalid("Approve it, decline it, or end it.")
        await visit.write(lambda tx: verdict(tx, grants.get(tx, fields.get("id", ""))))
    except SpaceportError as error:
        return await _page(visit, f"{error} {error.hint}".strip())
    return visit.go("/admin/grants")


async def _page(visit: Visit, problem: str = "") -> web.StreamResponse:
    _must_administer(visit)

    def read(tx: Tx) -> list[tuple[Grant, str, str]]:
        found = grants.listed(tx, GrantState.ASKED, GrantState.GRANTED)
        return [(one, str(spaces.get(tx, one.space_key).id), _asker(tx, one)) for one in found]

    return visit.page(
        "grants.html",
        status=400 if problem else 200,
        lines=await visit.read(read),
        flavors=visit.context.catalogue.flavors,
        problem=problem,
    )


def _asker(tx: Tx, grant: Grant) -> str:
    if grant.asked_by is None:
        return "the command line"
    return accounts.get(tx, grant.asked_by).name


def _must_administer(visit: Visit) -> None:
    authorize(visit.actor, Action.ADMINISTER_SITE, Site()).require()


def _day(text: str) -> datetime | None:
    """The end of a day in UTC, of the form's `2026-12-31`."""
    if not text.strip():
        return None
    try:
        return datetime.combine(date.fromisoformat(text.strip()), time.max, UTC)
    except ValueError:
        raise Invalid(f"{text[:20]!r} is not a day.", hint="Write it as 2026-12-31.") from None
