"""Who may call which route of a Space with what effect, as tables, and how to call it.

A route that is added without a line in `BODIES` or with an action that is unknown here fails.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitserver.commit import Commits
from hub.api.routes import PREVIEW, Route, routes
from spaceport.authorize import Action
from spaceport.ledger import accounts, discussions, memberships, previews
from spaceport.ledger.accounts import Account
from spaceport.ledger.spaces import Space
from spaceport.roles import Grant, OrgRole, Right
from tests.hub.wire import Answer

if TYPE_CHECKING:
    from tests.hub.conftest import Hub

ALL: tuple[Route, ...] = routes(Commits(None, None, None))  # type: ignore[arg-type]
OF_SPACES = [route for route in ALL if route.action is not None]
SETTING = {"key": "A", "value": "1"}
HEADER = json.dumps({"key": "header", "value": {"summary": "x"}})

# What to send so that an allowed caller gets past the gate; `None` is no body at all.
BODIES: dict[str, Any] = {
    "POST /pause": None,
    "POST /restart": None,
    "PUT /network": {"preset": "default"},
    "POST /grants": {"flavor": "cpu-upgrade", "reason": ""},  # 400 once the gate let it pass
    "DELETE /former-names": {"id": "nobody/nothing"},
    "POST /rollback": {"release": 0},  # 422 once the gate has let it pass
    "POST /duplicate": {},  # the same; `test_duplicate` has who may copy
    "POST /hardware": {"flavor": "cpu-basic"},
    "POST /sleeptime": {"seconds": -1},
    "POST /storage": {"tier": "small"},
    "DELETE /storage": None,
    "PUT /volumes": {"volumes": []},
    "DELETE /volumes": None,
    "PUT /settings": {},
    "POST /variables": SETTING,
    "DELETE /variables": {"key": "A"},
    "POST /secrets": {"key": "B", "value": "1"},
    "DELETE /secrets": {"key": "B"},
    "POST /paths-info/{rev}": {"paths": ["README.md"]},
    "POST /preupload/{rev}": {"files": []},
    "POST /commit/{rev}": HEADER.encode(),
    "POST /discussions": {"title": 1},  # 422 once the gate has let it pass, as all of these
    "POST /discussions/{number}/comment": {},
    "POST /discussions/{number}/comment/{comment}/edit": {},
    "POST /discussions/{number}/comment/{comment}/hide": None,
    "POST /discussions/{number}/title": {},
    "POST /discussions/{number}/status": {},
    "POST /discussions/{number}/pin": {},
    "POST /discussions/{number}/lock": {},
    "POST /discussions/{number}/merge": {"comment": 1},
    "POST /discussions/{number}/trust": {},
    "DELETE /discussions/{number}/ref": None,
    "POST /previews": {"ref": "no-such"},
    "DELETE /previews/{preview}": None,
    "POST /branch/{branch}": {},
    "DELETE /branch/{branch}": None,
    "POST /super-squash/{branch}": {},
    "POST /tag/{rev}": {"tag": "v1"},
    "DELETE /tag/{tag}": None,
}
# What a caller gets who is let through, where that is not 200: `side` is made once for each Space.
PASSED: dict[str, set[int]] = {
    "DELETE /former-names": {404},
    "POST /grants": {400},
    "POST /discussions": {422},
    "POST /discussions/{number}/comment": {422},
    "POST /discussions/{number}/comment/{comment}/edit": {422},
    "POST /discussions/{number}/comment/{comment}/hide": {404},  # there is no such comment
    "POST /discussions/{number}/title": {422},
    "POST /discussions/{number}/status": {422},
    "POST /discussions/{number}/pin": {422},
    "POST /discussions/{number}/lock": {422},
    "POST /discussions/{number}/merge": {422},
    "POST /discussions/{number}/trust": {422},
    "DELETE /discussions/{number}/ref": {404},  # it is no pull request
    "DELETE /storage": {200, 400},
    "DELETE /volumes": {400},
    "POST /previews": {404},
    "DELETE /previews/{preview}": {200, 404},
    "POST /branch/{branch}": {200, 409},
    "DELETE /branch/{branch}": {200, 404},
    "POST /super-squash/{branch}": {200, 404},
    "POST /tag/{rev}": {200, 409},
    "DELETE /tag/{tag}": {200, 404},
}

PEOPLE: dict[str, OrgRole | None] = {
    "stranger": None,
    "reader": OrgRole.READ,
    "contributor": OrgRole.CONTRIBUTOR,
    "writer": OrgRole.WRITE,
    "admin": OrgRole.ADMIN,
    "suspended": OrgRole.WRITE,
}
WHO = [
    "anonymous",
    "stranger",
    "reader",
    "contributor",
    "writer",
    "admin",
    "read token",
    "write token",
    "fine-grained: nothing",
    "fine-grained: another Space",
    "fine-grained: read",
    "fine-grained: write",
    "fine-grained: settings",
    "session",
    "session without CSRF",
    "suspended",
    "revoked",
]
READS = {Action.USE_APP, Action.READ}
LOGS = {*READS, Action.READ_LOGS}
SPEAKS = {*READS, Action.CONTRIBUTE}
ALL_ACTIONS = {*LOGS, Action.CONTRIBUTE, Action.WRITE, Action.MANAGE, Action.ADMINISTER}
MAY: dict[str, set[Action]] = {
    "anonymous": set(),
    "stranger": set(),
    "reader": SPEAKS,
    "contributor": SPEAKS,
    "writer": ALL_ACTIONS,
    "admin": ALL_ACTIONS,
    "read token": LOGS,
    "write token": ALL_ACTIONS,
    "fine-grained: nothing": set(),
    "fine-grained: another Space": set(),
    "fine-grained: read": READS,
    "fine-grained: write": {*LOGS, Action.CONTRIBUTE, Action.WRITE},
    "fine-grained: settings": {*LOGS, Action.MANAGE, Action.ADMINISTER},
    "session": ALL_ACTIONS,
    "session without CSRF": ALL_ACTIONS,
}
OPEN = {
    "public": {Action.USE_APP, Action.READ},
    "protected": {Action.USE_APP},
    "private": set[Action](),
}


@dataclass(frozen=True)
class Cast:
    """The Spaces `lab/...`, one for each visibility, and the headers of everybody."""

    spaces: dict[str, Space]
    headers: dict[str, dict[str, str]]


def make_cast(hub: Hub) -> Cast:
    with hub.context.ledger.write() as tx:
        lab = accounts.create_org(tx, "matrix-lab")
        people = {name: accounts.create_user(tx, f"matrix-{name}") for name in PEOPLE}
        for name, role in PEOPLE.items():
            if role is not None:
                memberships.set_role(tx, lab, people[name], role)
    spaces = {each: hub.space(f"matrix-lab/{each}", visibility=each) for each in OPEN}
    other = hub.space("matrix-lab/other")
    for space in spaces.values():
        for branch in ("shown", "going"):
            preview_of(hub, space, branch)
        with hub.context.ledger.write() as tx:
            discussions.begin(tx, space.key, lab.id, "The only one")
    return Cast(spaces, _headers(hub, people, spaces, other))


def _headers(
    hub: Hub, people: dict[str, Account], spaces: dict[str, Space], other: Space
) -> dict[str, dict[str, str]]:
    def bearer(name: str, role: str = "write", *grants: Grant) -> dict[str, str]:
        return {"Authorization": f"Bearer {hub.token(f'matrix-{name}', role, *grants)}"}

    def granted(*rights: Right) -> dict[str, str]:
        grants = [Grant(space.key, frozenset(rights)) for space in spaces.values()]
        return bearer("writer", "fine-grained", *grants)

    cookie, csrf = hub.session("matrix-writer")
    found = {name: bearer(name) for name in PEOPLE}
    with hub.context.ledger.write() as tx:
        accounts.suspend(tx, people["suspended"].id)
    return found | {
        "anonymous": {},
        "read token": bearer("writer", "read"),
        "write token": bearer("writer"),
        "fine-grained: nothing": bearer("writer", "fine-grained"),
        "fine-grained: another Space": bearer(
            "writer", "fine-grained", Grant(other.key, frozenset(Right))
        ),
        "fine-grained: read": granted(Right.READ),
        "fine-grained: write": granted(Right.WRITE),
        "fine-grained: settings": granted(Right.SETTINGS),
        "session": {"Cookie": cookie, "X-CSRF-Token": csrf, "Sec-Fetch-Site": "same-origin"},
        "session without CSRF": {"Cookie": cookie},
        "revoked": {"Authorization": "Bearer hf_" + "x" * 34},
    }


def preview_of(hub: Hub, space: Space, branch: str) -> None:
    with hub.context.ledger.write() as tx:
        previews.begin(tx, space, f"refs/heads/{branch}", sleep_seconds=60)


def ask(hub: Hub, route: Route, space: str, headers: dict[str, str]) -> Answer:
    """Call a route. Log streams never end by themselves, so they are asked in a way that does."""
    values = {"namespace": "matrix-lab", "name": space, "rev": "main", "path": "README.md"}
    values |= {
        "branch": "side",
        "tag": "v1",
        "revisions": "main..main",
        "number": "1",
        "comment": "x",
    }
    values |= {
        "preview": "going" if route.method == "DELETE" and route.path == PREVIEW else "shown"
    }
    path = route.path.replace("{path:.*}", "").replace("{path:.+}", "{path}").format(**values)
    if "/tree/" in path:
        path = path.rstrip("/")
    if "/logs/" in path:
        path += "?tail=not-a-number"  # 400 once the gate has let it pass
    if path.endswith("/events"):
        return hub.wire.begin(path, headers)  # of a stream only the head
    body = None
    if route.method != "GET":
        assert tail_of(route) in BODIES, "say in BODIES what to send"
        body = BODIES[tail_of(route)]
    sent = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    return hub.wire.ask(route.method, path, headers=headers, body=sent)


def tail_of(route: Route) -> str:
    """The method, and what comes after the Space's id: the keys of `BODIES`."""
    tail = route.path.split("{name}", 1)[1]
    if tail != "/previews/{preview}":
        tail = tail.removeprefix("/previews/{preview}")  # which answers as its Space does
    return f"{route.method} {tail}"


def expected(who: str, visibility: str, route: Route) -> set[int]:
    action = route.action
    assert action is not None
    if who in ("suspended", "revoked"):
        return {401}
    if who == "session without CSRF" and route.method != "GET":
        return {403}
    open_as = "private" if "{preview}" in route.path and visibility != "public" else visibility
    able = MAY[who] | OPEN[open_as]
    if who == "stranger" and Action.READ in able:
        able |= SPEAKS
    if action in able:
        if route.path.endswith("/metrics"):
            return {503}  # this hub has no engine
        if route.path.endswith(("/rollback", "/duplicate")):
            return {422}
        return {400} if "/logs/" in route.path else PASSED.get(tail_of(route), {200})
    if who == "anonymous":
        return {401}
    return {403} if Action.READ in able else {404}


def named(route: Route) -> str:
    return f"{route.method} {route.path}"
