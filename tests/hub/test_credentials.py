"""Where a credential may be, and which of several counts (API-05, API-06)."""

from __future__ import annotations

import base64

import pytest

from tests.hub.conftest import Hub
from tests.hub.matrix import Cast


@pytest.mark.req("API-05")
@pytest.mark.parametrize("name", ["token", "access_token"])
def test_a_token_in_the_url_is_none(hub: Hub, cast: Cast, name: str) -> None:
    for path in ("/api/whoami-v2", "/api/spaces/matrix-lab/public", "/api/spaces"):
        answer = hub.wire.get(f"{path}?{name}={hub.token('matrix-writer')}")
        assert answer.status == 401


@pytest.mark.req("API-06")
def test_one_credential_wins(hub: Hub, cast: Cast) -> None:
    cookie = cast.headers["session"]["Cookie"]
    good = cast.headers["writer"]["Authorization"]
    password = "Basic " + base64.b64encode(b"matrix-writer:password").decode()
    basic = "Basic " + base64.b64encode(f"any:{good.split()[1]}".encode()).decode()
    wrong = ("Bearer x", "Digest x", password)
    for value, status in ((good, 200), (basic, 200), *((each, 401) for each in wrong)):
        answer = hub.wire.get("/api/whoami-v2", headers={"Authorization": value, "Cookie": cookie})
        assert answer.status == status, value
    assert hub.wire.get("/api/whoami-v2", headers={"Cookie": cookie}).status == 200
    two = hub.wire.raw(
        f"GET /api/whoami-v2 HTTP/1.1\r\nHost: localhost:{hub.port}\r\nAuthorization: {good}\r\n"
        f"Authorization: {good}\r\nConnection: close\r\n\r\n".encode()
    )
    assert two.startswith(b"HTTP/1.1 400")
