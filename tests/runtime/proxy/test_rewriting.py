"""What the app gets of a request, and the visitor of an answer (13.4 to 13.6, PX-06 to PX-11)."""

from __future__ import annotations

from typing import Any

import pytest

from config.proxy import HeadLimits, ProxySettings
from runtime.proxy.answer import read_answer
from runtime.proxy.cookies import may_set, without_platform_cookies
from runtime.proxy.head import read_head
from runtime.proxy.host import Host
from runtime.proxy.to_app import Forwarding, address_text, request_head, without_ticket
from runtime.proxy.to_visitor import answer_head, own_location
from tests.runtime.proxy.apps import recording, scripted
from tests.runtime.proxy.conftest import Bench, body_of, field_of, route, status_of

LIMITS = HeadLimits()


def sent(
    fields: str, *, line: str = "GET / HTTP/1.1", keep: bool = True, **changes: Any
) -> list[str]:
    """The header lines that the app gets for `fields`."""
    settings = ProxySettings(**changes)
    block = f"{line}\r\nHost: App.localhost:8080\r\n{fields}".rstrip("\r\n").encode("latin-1")
    forwarding = Forwarding(
        b"10.1.2.3", Host("app.localhost", 8080), b"App.localhost:8080", settings
    )
    head = read_head(block, LIMITS)
    made = request_head(head, forwarding, b"id-1", keep_authorization=keep)
    assert made.endswith(b"\r\n\r\n") and b"\r\n\r\n" not in made[:-4]
    return made.decode("latin-1").split("\r\n")[:-2]


BASE = [
    "GET / HTTP/1.1",
    "Host: App.localhost:8080",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Host: App.localhost:8080",
    "X-Forwarded-Port: 8080",
    "X-Forwarded-For: 10.1.2.3",
    "X-Request-Id: id-1",
]


def test_the_forwarding_fields_are_fresh() -> None:
    assert sent("") == [*BASE, "X-Spaceport-Hops: 1"]
    assert "X-Forwarded-Proto: https" in sent("", public_scheme="https")
    assert "X-Forwarded-Port: 443" in sent("", public_port=443)


@pytest.mark.req("PX-07")
@pytest.mark.req("PX-08")
@pytest.mark.parametrize(
    "line",
    [
        "X-Forwarded-Host: evil",
        "X-Forwarded-Proto: https",
        "x-forwarded-port: 1",
        "X-Forwarded-Server: evil",
        "X_Forwarded_For: 6.6.6.6",
        "X-Forwarded_Host: evil",
        "x_forwarded_proto: https",
        "Forwarded: for=6.6.6.6",
        "X-Real-IP: 6.6.6.6",
        "X_Real_Ip: 6.6.6.6",
        "Via: 1.1 evil",
        "X-Spaceport-User: admin",
        "X_Spaceport_User: admin",
        "x-hf-user: admin",
        "X-HF-User-Name: admin",
        "X_HF_User: admin",
        "X-HF-Authorization: Bearer hf_secret",
        "X-IP-Token: evil",
        "X-Request-Id: evil",
        "True-Client-IP: 6.6.6.6",
        "CF-Connecting-IP: 6.6.6.6",
        "X-Original-URL: /admin",
        "X-Rewrite-URL: /admin",
        "Proxy: http://evil",
        "Proxy-Connection: keep-alive",
        "Proxy-Authorization: Basic eDp5",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "Trailer: X",
        "Upgrade: h2c",
        "HTTP2-Settings: x",
        "Connection: keep-alive",
        "Connection: close",
    ],
)
def test_these_never_reach_an_app(line: str) -> None:
    assert sent(line) == [*BASE, "X-Spaceport-Hops: 1"]


@pytest.mark.req("PX-08")
@pytest.mark.parametrize(
    ("claim", "result"),
    [
        ("1.2.3.4", "1.2.3.4, 10.1.2.3"),
        ("1.2.3.4, 5.6.7.8", "1.2.3.4, 5.6.7.8, 10.1.2.3"),
        ("::1", "::1, 10.1.2.3"),
        ("evil", "10.1.2.3"),
        ("1.2.3.4, <script>", "10.1.2.3"),
        (", ".join(["1.2.3.4"] * 40), "10.1.2.3"),
    ],
)
def test_the_connecting_address_is_the_last(claim: str, result: str) -> None:
    assert f"X-Forwarded-For: {result}" in sent(f"X-Forwarded-For: {claim}")
    replaced = sent(f"X-Forwarded-For: {claim}", forwarded_for="replace")
    assert "X-Forwarded-For: 10.1.2.3" in replaced


@pytest.mark.req("PX-07")
def test_connection_names_fields_away_but_not_the_protected_ones() -> None:
    fields = (
        "Connection: close, X-Forwarded-For, Cookie, Authorization, X-Mine, Host, Content-Type\r\n"
        "Cookie: a=b\r\nAuthorization: Basic eDp5\r\nX-Mine: gone\r\nContent-Type: x/y"
    )
    lines = sent(fields)
    assert "X-Mine: gone" not in lines
    for kept in ("Cookie: a=b", "Authorization: Basic eDp5", "Content-Type: x/y", BASE[1], BASE[5]):
        assert kept in lines


@pytest.mark.req("PX-09")
def test_platform_credentials_stop_at_the_proxy() -> None:
    cookies = "Cookie: a=b; spaceport_session=s; __Host-spaceport-door=d; __Secure-Spaceport=x; c=d"
    assert "Cookie: a=b; c=d" in sent(cookies)
    assert not [line for line in sent("Cookie: spaceport_session=s") if "ookie" in line]
    assert "Authorization: Bearer x" not in sent("Authorization: Bearer x", keep=False)
    assert without_ticket(b"/a?__sign=x") == b"/a"
    assert without_ticket(b"/a?b=1&__sign=x&c=%2f&&") == b"/a?b=1&c=%2f&&"
    assert without_ticket(b"/a?__sign=x&__theme=dark") == b"/a?__theme=dark"


def test_a_websocket_upgrade_is_made_anew() -> None:
    fields = (
        "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: chat"
    )
    lines = sent(fields)
    assert lines[-5:] == [
        "X-Spaceport-Hops: 1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    assert "Sec-WebSocket-Protocol: chat" in lines


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (b"a=b", b"a=b"),
        (b"a=b;c=d", b"a=b;c=d"),
        (b"spaceport=1", b""),
        (b"SPACEPORT_X=1; a=b", b"a=b"),
        (b"a=spaceport", b"a=spaceport"),
        (b"__host-spaceport-x=1;a=b", b"a=b"),
        (b"a=b; spaceport-door=x; spaceport-door=y", b"a=b"),
        (b"myspaceport=1", b"myspaceport=1"),
    ],
)
def test_cookies_for_the_app(value: bytes, left: bytes) -> None:
    assert without_platform_cookies(value) == left


SET_COOKIES = [
    (b"a=b", True),
    (b"a=b; Path=/; HttpOnly; Secure; SameSite=None; Partitioned", True),
    (b"a=b; Domain=app.localhost", True),
    (b"a=b; domain=.APP.localhost", True),
    (b"a=b; Domain=", True),
    (b"a=spaceport; Path=/", True),
    (b"a=b; Max-Age=5; Expires=Thu, 01 Jan 2026 00:00:00 GMT", True),
    (b"a=; Path=/", True),
    (b"a=b; Domain=localhost", False),
    (b"a=b; Domain=.localhost", False),
    (b"a=b; DOMAIN = localhost ; Path=/", False),
    (b"a=b; Domain=other.localhost", False),
    (b"a=b; Domain=example.org", False),
    (b"a=b; Domain=app.localhost; Domain=localhost", False),
    (b"spaceport_session=x", False),
    (b"Spaceport_session=x", False),
    (b" spaceport_session=x", False),
    (b"__Host-spaceport-door=x; Secure; Path=/", False),
    (b"__Secure-spaceport=x; Secure", False),
    (b"=spaceport_session=x", False),
    (b"spaceport_session", False),
]


@pytest.mark.req("PX-10")
@pytest.mark.parametrize(("value", "allowed"), SET_COOKIES)
def test_cookies_of_the_app(value: bytes, allowed: bool) -> None:
    assert may_set(value, b"app.localhost") is allowed


@pytest.mark.req("PX-10")
@pytest.mark.req("PX-11")
async def test_an_answer_on_the_wire(bench: Bench) -> None:
    fields = [
        b"Content-Length: 2",
        b"Connection: keep-alive, X-Named",
        b"Keep-Alive: timeout=5",
        b"X-Named: gone",
        b"X-Kept: yes",
        b"Alt-Svc: h3=:443",
        b"Clear-Site-Data: cookies",
        b"Via: 1.1 172.17.0.2",
        b"X-Spaceport-Secret: x",
        b"X-Request-Id: theirs",
        b"Cross-Origin-Opener-Policy: unsafe-none",
        b"Location: http://0.0.0.0:7860/next?x#y",
        *(b"Set-Cookie: " + value for value, _ in SET_COOKIES),
    ]
    answer = b"HTTP/1.1 200 Fine\r\n" + b"\r\n".join(fields) + b"\r\n\r\nok"
    await bench.serving(
        scripted(answer, then="again"),
        custom_headers=(("Cross-Origin-Opener-Policy", "same-origin"),),
        disable_embedding=True,
    )
    got = await bench.get("/", "app.localhost", "Origin: http://elsewhere.example")
    assert got.startswith(b"HTTP/1.1 200 Fine\r\n") and body_of(got) == b"ok"
    for name in (
        "Keep-Alive",
        "X-Named",
        "Alt-Svc",
        "Clear-Site-Data",
        "Via",
        "X-Spaceport-Secret",
    ):
        assert field_of(got, name) == [], name
    assert field_of(got, "X-Kept") == ["yes"] and field_of(got, "Location") == ["/next?x#y"]
    assert field_of(got, "Cross-Origin-Opener-Policy") == ["same-origin"]
    assert field_of(got, "Link") == ['<http://localhost/spaces/ada/app>;rel="canonical"']
    assert field_of(got, "Content-Security-Policy") == ["frame-ancestors 'self' http://localhost"]
    assert field_of(got, "Access-Control-Allow-Origin") == ["*"]
    assert len(field_of(got, "X-Request-Id")) == 1 and field_of(got, "X-Request-Id") != ["theirs"]
    expected = [value.strip().decode() for value, allowed in SET_COOKIES if allowed]
    assert field_of(got, "Set-Cookie") == expected


def test_answers_leave_what_the_app_decides() -> None:
    answer = read_answer(
        b"HTTP/1.1 404 \r\nAccess-Control-Allow-Origin: https://a.example\r\nServer: x", LIMITS
    )
    made = answer_head(
        answer,
        route("app", private=True),
        host=b"app.localhost",
        framing=b"",
        request_id=b"id",
        app_port=7860,
        cross_origin=True,
    )
    assert made.startswith(b"HTTP/1.1 404 \r\nAccess-Control-Allow-Origin: https://a.example\r\n")
    assert made.count(b"Access-Control") == 1


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("/x", "/x"),
        ("https://example.org/x", "https://example.org/x"),
        ("http://127.0.0.1:7860/x?y", "/x?y"),
        ("http://localhost:7860", "/"),
        ("http://172.17.0.5:7860//evil.example", "/evil.example"),
        ("http://127.0.0.1:9999/x", "http://127.0.0.1:9999/x"),
        ("http://[::]:7860/", "/"),
        ("http://localhost/spaces/ada/app", "http://localhost/spaces/ada/app"),
        ("http://[broken", "http://[broken"),
    ],
)
@pytest.mark.req("PX-11")
def test_addresses_that_exist_only_inside_are_cut_off(value: str, result: str) -> None:
    line = own_location(f"Location: {value}".encode(), 7860, route("app"))
    assert line.decode() == f"Location: {result}"


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("127.0.0.1", b"127.0.0.1"),
        ("::ffff:1.2.3.4", b"1.2.3.4"),
        ("fe80::1%eth0", b"fe80::1"),
        ("", b"unknown"),
    ],
)
def test_addresses_as_headers_name_them(address: str, text: bytes) -> None:
    assert address_text(address) == text


@pytest.mark.req("PX-28")
async def test_an_app_that_calls_itself_is_stopped(bench: Bench) -> None:
    app = recording()
    await bench.serving(app)
    assert status_of(await bench.get("/", "app.localhost", "X-Spaceport-Hops: 4")) == 200
    assert app.requests[-1].header("x-spaceport-hops") == ["5"]
    assert status_of(await bench.get("/", "app.localhost", "X-Spaceport-Hops: 5")) == 508
    assert len(app.requests) == 1


@pytest.mark.req("PX-24")
async def test_targets_reach_the_app_as_they_were_sent(bench: Bench) -> None:
    app = recording()
    await bench.serving(app)
    targets = ["/a%2fb", "//a//b", "/../x/./y", "/a;b?c=d&&e=%20", "/%2E%2e", "/?q=[1]|2", "/\\x"]
    for target in targets:
        assert status_of(await bench.get(target)) == 200
    assert [seen.target for seen in app.requests] == targets


async def test_heads_without_a_body_and_old_clients(bench: Bench) -> None:
    await bench.serving(
        scripted(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    )
    old = await bench.ask(b"GET / HTTP/1.0\r\nHost: app.localhost\r\n\r\n")
    assert body_of(old) == b"abc" and field_of(old, "Transfer-Encoding") == []
    assert field_of(old, "Connection") == ["close"]
    head = await bench.ask(
        b"HEAD / HTTP/1.1\r\nHost: nobody.localhost\r\nConnection: close\r\n\r\n"
    )
    assert status_of(head) == 404 and body_of(head) == b"" and field_of(head, "Content-Length")


async def test_a_redirect_for_a_renamed_space(bench: Bench) -> None:
    await bench.proxy(route("old", moved_to="new"))
    answer = await bench.get("/a?b", "old.localhost:8080")
    assert status_of(answer) == 308
    assert field_of(answer, "Location") == ["http://new.localhost:8080/a?b"]
