"""Host headers: one meaning or a refusal (PX-01, PX-30)."""

from __future__ import annotations

import pytest

from runtime.proxy.host import Host, Hosts, Owner, parse_host
from tests.runtime.proxy.apps import recording
from tests.runtime.proxy.conftest import Bench, status_of

GOOD: list[tuple[bytes, Host]] = [
    (b"app.localhost", Host("app.localhost", None)),
    (b"APP.LocalHost", Host("app.localhost", None)),
    (b"app.localhost.", Host("app.localhost", None)),
    (b"app.localhost:8080", Host("app.localhost", 8080)),
    (b"app.localhost.:8080", Host("app.localhost", 8080)),
    (b"app.localhost:1", Host("app.localhost", 1)),
    (b"app.localhost:65535", Host("app.localhost", 65535)),
    (b"app.localhost:00080", Host("app.localhost", 80)),
    (b"localhost", Host("localhost", None)),
    (b"127.0.0.1:80", Host("127.0.0.1", 80)),
    (b"[::1]", Host("[::1]", None)),
    (b"[::1]:8080", Host("[::1]", 8080)),
    (b"under_score.example", Host("under_score.example", None)),
    (b"xn--bcher-kva.localhost", Host("xn--bcher-kva.localhost", None)),
    (b"a" * 63 + b".localhost", Host("a" * 63 + ".localhost", None)),
]

BAD: list[bytes] = [
    b"",
    b".",
    b"..",
    b".localhost",
    b"app..localhost",
    b"app.localhost..",
    b"-app.localhost",
    b"app-.localhost",
    b"a" * 64 + b".localhost",
    b"a." * 140 + b"localhost",
    b"x" * 300,
    b"app.localhost:",
    b"app.localhost:0",
    b"app.localhost:65536",
    b"app.localhost:123456",
    b"app.localhost:-1",
    b"app.localhost:+80",
    b"app.localhost:80a",
    b"app.localhost:0x50",
    b"app.localhost:80:80",
    b"app.localhost:http",
    b"app.localhost: 80",
    b"app.localhost :80",
    b"app.localhost,evil.localhost",
    b"app.localhost, evil.localhost",
    b"app.localhost evil.localhost",
    b"app.localhost;evil",
    b"user@app.localhost",
    b"user:password@app.localhost",
    b"app.localhost@evil",
    b"app.localhost/",
    b"app.localhost/path",
    b"http://app.localhost",
    b"//app.localhost",
    b"app.localhost?x",
    b"app.localhost#x",
    b"app.localhost\\evil",
    b"app\\.localhost",
    b"[app.localhost]",
    b"[::1",
    b"::1",
    b"::1]",
    b"[::1]x",
    b"[::1]:",
    b"[::1%25eth0]",
    b"[]",
    b"[:]",
    b"(app).localhost",
    b"app.local%68ost",
    b"app%2elocalhost",
    b"app.localhost\0",
    b"app\tlocalhost",
    b"b\xc3\xbccher.localhost",
    b"\xe2\x80\xaeapp.localhost",
    b"app.localhost\xff",
    b"*.localhost",
    b"app.*",
    b"'app'.localhost",
    b'"app".localhost',
    b"<app>.localhost",
    b"$host.localhost",
    b"app|evil.localhost",
    b"app~1.localhost",
]


@pytest.mark.req("PX-01")
@pytest.mark.parametrize(("raw", "host"), GOOD)
def test_a_good_host_is_read_in_one_way(raw: bytes, host: Host) -> None:
    assert parse_host(raw) == host


@pytest.mark.req("PX-01")
@pytest.mark.parametrize("raw", BAD)
def test_a_doubtful_host_is_not_read_at_all(raw: bytes) -> None:
    assert parse_host(raw) is None


HOSTS = Hosts("localhost", frozenset(("localhost", "hub.example", "127.0.0.1", "[::1]")))
OWNERS = [
    ("localhost", Owner.HUB, ""),
    ("hub.example", Owner.HUB, ""),
    ("127.0.0.1", Owner.HUB, ""),
    ("[::1]", Owner.HUB, ""),
    ("app.localhost", Owner.SPACE, "app"),
    ("a-b-1.localhost", Owner.SPACE, "a-b-1"),
    ("a.b.localhost", Owner.MALFORMED, ""),
    ("under_score.localhost", Owner.MALFORMED, ""),
    ("app.example", Owner.NOBODY, ""),
    ("applocalhost", Owner.NOBODY, ""),
    ("app.localhost.evil.example", Owner.NOBODY, ""),
    ("10.0.0.1", Owner.NOBODY, ""),
]


@pytest.mark.req("PX-30")
@pytest.mark.parametrize(("name", "owner", "label"), OWNERS)
def test_every_host_has_one_owner(name: str, owner: Owner, label: str) -> None:
    assert HOSTS.owner(Host(name, None)) == (owner, label)


@pytest.mark.req("PX-01")
async def test_on_the_wire_bad_hosts_get_400_and_unknown_ones_a_fixed_404(bench: Bench) -> None:
    app = recording()
    await bench.serving(app)
    for raw in BAD:
        payload = b"GET / HTTP/1.1\r\nHost: " + raw + b"\r\nConnection: close\r\n\r\n"
        answer = await bench.ask(payload)
        # Bytes around it that are white space belong to the header line, not to the value.
        assert status_of(answer) == 400, (raw, answer[:200])
        assert not raw or len(raw) < 3 or raw not in answer
    for host in ("nobody.localhost", "app.example", "127.0.0.1", "localhost.evil.example"):
        answer = await bench.get(host=host)
        assert status_of(answer) == 404 and host.encode() not in answer
    assert app.requests == []
    for raw, host in GOOD[:7]:
        answer = await bench.get(host=raw.decode())
        assert status_of(answer) == 200, (raw, host)
    assert len(app.requests) == 7


@pytest.mark.req("PX-01")
@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"Host: app.localhost\r\nHost: app.localhost\r\n",
        b"Host: app.localhost\r\nhost: evil.localhost\r\n",
        b"HOST: app.localhost\r\nX: y\r\nHoSt: app.localhost\r\n",
        b"Host : app.localhost\r\n",
        b" Host: app.localhost\r\n",
        b"Host: app.localhost\r\n evil.localhost\r\n",
    ],
)
async def test_there_is_exactly_one_host_field(bench: Bench, fields: bytes) -> None:
    app = recording()
    await bench.serving(app)
    assert status_of(await bench.ask(b"GET / HTTP/1.1\r\n" + fields + b"\r\n")) == 400
    assert app.raw == []
