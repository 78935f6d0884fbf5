"""What somebody may not see looks as what is not there (API-01)."""

from __future__ import annotations

import pytest

from hub.api.routes import Route
from tests.hub.conftest import Hub
from tests.hub.matrix import OF_SPACES, Cast, ask, named
from tests.hub.wire import Answer


@pytest.mark.req("API-01")
@pytest.mark.parametrize("route", OF_SPACES, ids=named)
def test_absent_and_forbidden_have_the_same_face(hub: Hub, cast: Cast, route: Route) -> None:
    for who in ("anonymous", "stranger", "fine-grained: another Space"):
        hidden = ask(hub, route, "private", cast.headers[who])
        absent = ask(hub, route, "no-such", cast.headers[who])
        assert hidden.status == absent.status and hidden.body == absent.body
        unlike = {"Date", "X-Request-Id"}
        heads = [
            {name: value for name, value in answer.headers.items() if name not in unlike}
            for answer in (hidden, absent)
        ]
        assert heads[0] == heads[1]
        assert absent.headers["X-Error-Code"] == "RepoNotFound"


@pytest.mark.req("API-01")
@pytest.mark.parametrize(
    ("method", "call"),
    [("GET", "likers"), ("POST", "discussions/1/like"), ("GET", "discussions/1/diff"),
     ("PATCH", "refs"), ("DELETE", "like"), ("GET", "volumes"), ("GET", "")],
)  # fmt: skip
def test_a_call_that_is_none_tells_no_more_than_the_others(
    hub: Hub, cast: Cast, method: str, call: str
) -> None:
    def ask(space: str, who: str) -> Answer:
        path = f"/api/spaces/matrix-lab/{space}/{call}"
        return hub.wire.ask(method, path, headers=cast.headers[who])

    for who in ("anonymous", "stranger"):
        for space in ("private", "protected", "no-such"):
            answer = ask(space, who)
            assert answer.status == (401 if who == "anonymous" else 404)
            assert answer.headers["X-Error-Code"] == "RepoNotFound"
    for space, who in (("public", "anonymous"), ("private", "reader"), ("public", "stranger")):
        answer = ask(space, who)
        assert answer.status == 404 and "X-Error-Code" not in answer.headers
        assert answer.error == f"This server does not have the call '{method} {call}' for Spaces"
    assert ask("public", "revoked").status == 401


def test_a_host_label_tells_strangers_nothing(hub: Hub, cast: Cast) -> None:
    label = cast.spaces["private"].host_label
    path = f"/api/spaces/by-subdomain/{label}"
    for who in ("anonymous", "stranger"):
        hidden = hub.wire.get(path, headers=cast.headers[who])
        absent = hub.wire.get("/api/spaces/by-subdomain/nothing-here", headers=cast.headers[who])
        assert (hidden.status, hidden.body) == (absent.status, absent.body)
    assert hub.wire.get(path, headers=cast.headers["reader"]).json()["id"] == "matrix-lab/private"
