"""The door of private Spaces (13.5, PX-09, PX-17)."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.proxy import ProxySettings
from runtime.proxy.door import Admission, Credentials
from runtime.proxy.routes import Folder, Replicas, Route, RouteTable
from spaceport.stage import Stage
from tests.runtime.proxy.apps import App, recording, scripted
from tests.runtime.proxy.conftest import Bench, body_of, field_of, route, status_of
from tests.runtime.proxy.test_streams import ACCEPT, SWITCH, UPGRADE
from tests.waiting import aeventually


class Keeper:
    """Lets one token, one ticket and one cookie in; counts how often it was asked."""

    def __init__(self, *, keep_authorization: bool = False) -> None:
        self.asked: list[Credentials] = []
        self.closed = False
        self._keep = keep_authorization

    async def admit(self, route: Route, credentials: Credentials) -> Admission:
        self.asked.append(credentials)
        if credentials.bearer == "broken":
            raise RuntimeError("the ledger is down")
        if self.closed:
            return Admission(False)
        if credentials.ticket == "good":
            return Admission(True, cookie="c00kie", keep_authorization=True)
        token = "hf_good" in (credentials.bearer, credentials.platform_bearer)
        if token or credentials.cookie == "c00kie":
            return Admission(True, keep_authorization=self._keep)
        return Admission(False)


async def private(bench: Bench, keeper: Keeper, **changes: str) -> App:
    app = await bench.app(recording())
    settings = ProxySettings(**changes)  # type: ignore[arg-type]
    await bench.proxy(
        route("app", Replicas((app.upstream(),)), private=True),
        settings=settings,
        doorkeeper=keeper,
    )
    return app


@pytest.mark.req("PX-17")
@pytest.mark.parametrize(
    "request_lines",
    [
        "GET / HTTP/1.1",
        "HEAD / HTTP/1.1",
        "POST / HTTP/1.1\r\nContent-Length: 0",
        "OPTIONS / HTTP/1.1\r\nOrigin: http://a.example\r\nAccess-Control-Request-Method: GET",
        "GET /robots.txt HTTP/1.1",
        "GET /favicon.ico HTTP/1.1",
        "GET / HTTP/1.1\r\nAccept: text/event-stream",
        "GET / HTTP/1.1\r\nAuthorization: Bearer hf_bad",
        "GET / HTTP/1.1\r\nAuthorization: Basic aGZfZ29vZA==",
        "GET / HTTP/1.1\r\nX-HF-Authorization: hf_good",
        "GET /?__sign=bad HTTP/1.1",
        "GET /?__sign=good&__sign=bad HTTP/1.1",
        "GET /?x__sign=good HTTP/1.1",
        "GET / HTTP/1.1\r\nCookie: spaceport-door=bad",
        "GET / HTTP/1.1\r\nCookie: spaceport-door=c00kie; spaceport-door=c00kie",
        "GET / HTTP/1.1\r\nCookie: Xspaceport-door=c00kie",
        "GET / HTTP/1.1\r\nAuthorization: Bearer broken",
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ],
)
async def test_without_a_right_a_private_space_looks_missing(
    bench: Bench, request_lines: str
) -> None:
    app = await private(bench, Keeper())
    rest = "\r\nHost: {}.localhost\r\nConnection: close\r\n\r\n"
    if "Upgrade" in request_lines:
        rest = "\r\nHost: {}.localhost\r\n\r\n"
    answer = await bench.ask((request_lines + rest.format("app")).encode())
    missing = await bench.ask((request_lines + rest.format("missing")).encode())
    assert status_of(answer) == 404 and answer == missing
    assert app.raw == []


async def test_private_spaces_without_an_app_look_missing_too(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("secret")
    await bench.proxy(
        route("building", stage=Stage.BUILDING, private=True),
        route("static", Folder(tmp_path), private=True),
        route("moved", private=True, moved_to="elsewhere"),
        doorkeeper=Keeper(),
    )
    missing = await bench.get(host="missing.localhost")
    for label in ("building", "static", "moved"):
        assert await bench.get(host=f"{label}.localhost") == missing
        token = await bench.get("/", f"{label}.localhost", "Authorization: Bearer hf_good")
        assert status_of(token) in (200, 308, 503)


@pytest.mark.req("PX-09")
async def test_a_token_opens_it_and_goes_no_further(bench: Bench) -> None:
    app = await private(bench, Keeper())
    for field in ("Authorization: Bearer hf_good", "X-HF-Authorization: bearer hf_good"):
        assert status_of(await bench.get("/", "app.localhost", field)) == 200
    own = ("X-HF-Authorization: Bearer hf_good", "Authorization: Basic eDp5")
    assert status_of(await bench.get("/", "app.localhost", *own)) == 200
    assert "hf_good" not in b"".join(app.raw).decode()


@pytest.mark.req("PX-09")
async def test_the_owners_app_may_see_the_token(bench: Bench) -> None:
    app = await private(bench, Keeper(keep_authorization=True))
    assert status_of(await bench.get("/", "app.localhost", "Authorization: Bearer hf_good")) == 200
    assert app.requests[0].header("authorization") == ["Bearer hf_good"]


async def test_a_ticket_becomes_a_cookie_that_the_app_never_sees(bench: Bench) -> None:
    app = await private(bench, Keeper())
    first = await bench.get("/page?a=1&__sign=good&__theme=dark")
    assert status_of(first) == 200
    assert field_of(first, "Set-Cookie") == [
        "spaceport-door=c00kie; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"
    ]
    assert app.requests[0].target == "/page?a=1&__theme=dark"
    later = await bench.get("/", "app.localhost", "Cookie: mine=1; spaceport-door=c00kie")
    assert status_of(later) == 200 and field_of(later, "Set-Cookie") == []
    assert app.requests[1].header("cookie") == ["mine=1"]
    policy = field_of(later, "Content-Security-Policy")
    assert policy == ["frame-ancestors 'self' http://localhost"]


async def test_over_https_the_cookie_is_for_frames_of_the_hub(bench: Bench) -> None:
    await private(bench, Keeper(), public_scheme="https")
    cookie = field_of(await bench.get("/?__sign=good"), "Set-Cookie")[0]
    assert cookie.startswith("__Host-spaceport-door=c00kie; Path=/; ")
    assert cookie.endswith("; HttpOnly; SameSite=None; Secure; Partitioned")


async def test_static_spaces_give_the_cookie_too(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("page")
    (tmp_path / "large.bin").write_bytes(bytes(400_000))
    await bench.proxy(route("app", Folder(tmp_path), private=True), doorkeeper=Keeper())
    for target in ("/?__sign=good", "/large.bin?__sign=good"):
        answer = await bench.get(target)
        assert status_of(answer) == 200 and len(field_of(answer, "Set-Cookie")) == 1
    assert body_of(await bench.get("/", "app.localhost", "Cookie: spaceport-door=c00kie"))


@pytest.mark.req("PX-17")
async def test_a_verdict_is_remembered_briefly_and_forgotten_with_the_routes(bench: Bench) -> None:
    keeper = Keeper()
    await private(bench, keeper)
    token = "Authorization: Bearer hf_good"
    for _ in range(5):
        assert status_of(await bench.get("/", "app.localhost", token)) == 200
    assert len(keeper.asked) == 1
    for _ in range(2):
        bad = await bench.get("/", "app.localhost", "Authorization: Bearer bad")
        assert status_of(bad) == 404
    assert len(keeper.asked) == 3, "a refusal is not remembered"
    keeper.closed = True
    bench.proxies[0].routes = RouteTable(list(bench.proxies[0].routes))
    assert status_of(await bench.get("/", "app.localhost", token)) == 404


@pytest.mark.req("PX-19")
async def test_a_space_that_becomes_private_closes_its_open_connections(bench: Bench) -> None:
    app = await bench.app(recording())
    proxy = await bench.proxy(route("app", Replicas((app.upstream(),))), doorkeeper=Keeper())
    client = await bench.client()
    get = b"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n"
    await client.send(get)
    assert (await client.answer())[0] == 200
    proxy.routes = RouteTable([route("app", Replicas((app.upstream(),)), private=True)])
    await client.send(get)
    assert (await client.answer())[0] == 404
    assert len(app.requests) == 1


@pytest.mark.req("WEB-19")
async def test_open_websockets_end_when_their_space_becomes_private(bench: Bench) -> None:
    app = await bench.app(scripted(SWITCH + ACCEPT + b"\r\n", then="hold"))
    proxy = await bench.proxy(route("app", Replicas((app.upstream(),))), doorkeeper=Keeper())
    client = await bench.client()
    await client.send(UPGRADE)
    assert status_of(await client.head()) == 101
    proxy.routes = RouteTable([route("app", Replicas((app.upstream(),)), private=True)])
    assert await client.rest() == b""
    await aeventually(lambda: proxy.in_flight("replica-1") == 0, 5)


def test_credentials_are_never_printed() -> None:
    assert "hf_" not in repr(Credentials(bearer="hf_secret"))
