"""Every route for everybody: generated from the table of routes (API-02, GIT-29)."""

from __future__ import annotations

import pytest

from hub.api.routes import ROUTES, Route
from tests.hub.conftest import Hub
from tests.hub.matrix import OF_SPACES, OPEN, WHO, Cast, ask, expected, named


@pytest.mark.req("API-02")
@pytest.mark.req("GIT-29")
@pytest.mark.parametrize("route", OF_SPACES, ids=named)
def test_everybody_gets_exactly_what_the_table_says(hub: Hub, cast: Cast, route: Route) -> None:
    wrong = []
    for visibility in OPEN:
        for who in WHO:
            answer = ask(hub, route, visibility, cast.headers[who])
            wanted = expected(who, visibility, route)
            if who == "anonymous" and route.path.endswith("/jwt"):
                wanted = {401}
            if answer.status == 404 and wanted == {200, 404}:
                assert answer.headers["X-Error-Code"] == "RevisionNotFound"
            if answer.status not in wanted:
                wrong.append((who, visibility, answer.status, wanted, answer.body[:200]))
    assert wrong == []


@pytest.mark.req("API-02")
def test_creating_deleting_and_moving(hub: Hub, cast: Cast) -> None:
    may_create = {"contributor", "writer", "admin", "write token", "session"}
    for number, who in enumerate(WHO):
        body = {"name": f"new{number}", "organization": "matrix-lab", "type": "space"}
        made = hub.wire.ask(
            "POST",
            "/api/repos/create",
            headers=cast.headers[who],
            json_body={**body, "sdk": "gradio"},
        )
        refused = {"anonymous": 401, "suspended": 401, "revoked": 401}.get(who, 403)
        assert made.status == (200 if who in may_create else refused), who
    for who in WHO:
        body = {"name": "private", "organization": "matrix-lab", "type": "space"}
        if who in {"writer", "admin", "write token", "session", "fine-grained: settings"}:
            continue
        gone = hub.wire.ask(
            "DELETE", "/api/repos/delete", headers=cast.headers[who], json_body=body
        )
        assert gone.status in (401, 403, 404), who
        target = {"fromRepo": "matrix-lab/private", "toRepo": "matrix-lab/public-2"}
        moved = hub.wire.ask(
            "POST",
            "/api/repos/move",
            headers=cast.headers[who],
            json_body={**target, "type": "space"},
        )
        assert moved.status == gone.status, who
    kept = hub.wire.get("/api/spaces/matrix-lab/private", headers=cast.headers["writer"])
    assert kept.status == 200


def test_the_rest_of_the_routes_is_open_or_asks_itself() -> None:
    assert {named(route) for route in ROUTES if route.action is None} == {
        "GET /api/whoami-v2",
        "GET /api/agent-harnesses",
        "HEAD /api/telemetry/{topic:.*}",
        "GET /api/settings/ssh-keys",
        "POST /api/settings/ssh-keys",
        "DELETE /api/settings/ssh-keys/{id}",
        "GET /api/settings/billing/statement",
        "PUT /api/settings/billing/budget",
        "GET /api/users/{account}/billing/statement",
        "PUT /api/users/{account}/billing/budget",
        "GET /api/organizations/{account}/billing/statement",
        "PUT /api/organizations/{account}/billing/budget",
        "GET /api/settings/repositories",
        "GET /api/organizations/{account}/settings/repositories",
        "GET /avatars/{name}.svg",
        "POST /api/validate-yaml",
        "POST /api/repos/create",
        "POST /api/repos/move",
        "DELETE /api/repos/delete",
        "GET /api/admin/grants",
        "POST /api/admin/grants/{id}",
        "GET /api/spaces",
        "GET /api/spaces/hardware",
        "GET /api/spaces/semantic-search",
        "GET /api/users/{account}/overview",
        "GET /api/organizations/{account}/overview",
        "GET /api/spaces/templates",
        "GET /api/spaces/by-subdomain/{label}",
    }
