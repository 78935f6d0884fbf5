"""Reading heads and chunks: properties, with two other parsers as referees."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import h11
import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.proxy import HeadLimits
from runtime.proxy.answer import BadAnswer, read_answer
from runtime.proxy.bodies import RequestBody
from runtime.proxy.chunks import LAST_CHUNK, BadChunk, ChunkReader, chunk
from runtime.proxy.head import read_head, refuse_early
from runtime.proxy.refused import Refused

LIMITS = HeadLimits()
PIECES = [
    b"GET",
    b"POST",
    b" ",
    b"  ",
    b"/",
    b"/a%2fb",
    b"*",
    b"http://h/",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"Host: h",
    b"Host:h",
    b"Host : h",
    b"host: H:80",
    b"Content-Length: 3",
    b"Content-Length: 0",
    b"content-length:+3",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: x",
    b"Connection: close",
    b"Connection: keep-alive, X",
    b"X: y",
    b"X:",
    b":",
    b"\t",
    b"\0",
    b"\xff",
    b"X_Y: z",
    b"Upgrade: websocket",
    b"Expect: 100-continue",
    b", chunked",
    b"3\r\nabc\r\n0\r\n",
    b"abc",
]
soup = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=14).map(b"".join)
plausible = st.tuples(
    st.sampled_from(
        [b"GET / HTTP/1.1", b"POST /x?y HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET /a HTTP/1.0"]
    ),
    st.lists(st.sampled_from([p for p in PIECES if b":" in p]) | soup, max_size=6),
).map(lambda parts: b"\r\n".join([parts[0], b"Host: h", *parts[1]]))


class Referee:
    """What llhttp made of it."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.url = b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))


@pytest.mark.req("PX-04")
@settings(max_examples=800, deadline=None)
@given(block=plausible | soup)
def test_what_is_accepted_means_the_same_to_llhttp_and_h11(block: bytes) -> None:
    try:
        head = read_head(block, LIMITS)
    except Refused as refused:
        assert 400 <= refused.status < 600
        return
    referee = Referee()
    parser = httptools.HttpRequestParser(referee)
    with suppress(httptools.HttpParserUpgrade):
        parser.feed_data(block + b"\r\n\r\n")
    lines = block.split(b"\r\n")[1:]
    pairs = [line.partition(b":") for line in lines]
    assert referee.headers == [(key.lower(), value.strip(b" \t")) for key, _, value in pairs]
    assert referee.url == block.split(b" ")[1] and parser.get_method() == head.method
    server = h11.Connection(h11.SERVER)
    server.receive_data(block + b"\r\n\r\n")
    event = server.next_event()
    assert isinstance(event, h11.Request)
    assert event.method == head.method and len(event.headers) == len(lines)


@settings(max_examples=400, deadline=None)
@given(part=soup)
def test_reading_never_fails_in_another_way(part: bytes) -> None:
    with suppress(Refused):
        read_head(part, LIMITS)
    if part:
        with suppress(Refused):
            refuse_early(part, LIMITS)
    with suppress(BadAnswer):
        read_answer(part, LIMITS)
    with suppress(BadChunk):
        ChunkReader().feed(part)


@settings(max_examples=300, deadline=None)
@given(
    body=st.lists(st.binary(min_size=1, max_size=50), max_size=6),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    behind=st.binary(max_size=20),
)
def test_chunks_are_read_the_same_however_they_are_cut(
    body: list[bytes], cuts: list[int], behind: bytes
) -> None:
    wire = b"".join(chunk(piece) for piece in body) + LAST_CHUNK + behind
    reader = ChunkReader()
    got, rest = b"", b""
    places = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    for begin, end in pairwise(places):
        if reader.done:
            rest += wire[begin:end]
        else:
            got += b"".join(reader.feed(wire[begin:end]))
            rest = reader.rest
    assert reader.done and got == b"".join(body) and rest == behind


@pytest.mark.req("PX-03")
@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET / HTTP/1.2", 505),
        (b"GET / HTTP/2.0", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"GET / HTTP/0.9", 505),
        (b"GET /", 400),
        (b"GET / HTTP/1.1x", 400),
        (b"CONNECT h:443 HTTP/1.1", 501),
        (b"TRACE / HTTP/1.1", 405),
        (b"GET * HTTP/1.1", 400),
        (b"GET /" + b"a" * 8192 + b" HTTP/1.1", 414),
    ],
)
def test_request_lines_that_are_refused(line: bytes, status: int) -> None:
    with pytest.raises(Refused) as caught:
        read_head(line + b"\r\nHost: h", LIMITS)
    assert caught.value.status == status


def test_limits_hold_at_the_limit_and_one_above() -> None:
    line = b"GET /" + b"a" * (LIMITS.request_line - 14) + b" HTTP/1.1"
    assert read_head(line + b"\r\nHost: h", LIMITS).target.endswith(b"a")
    fields = b"".join(b"\r\nX: %d" % number for number in range(LIMITS.count - 1))
    assert len(read_head(b"GET / HTTP/1.1\r\nHost: h" + fields, LIMITS).fields.kept) == 99
    with pytest.raises(Refused) as caught:
        read_head(b"GET / HTTP/1.1\r\nHost: h\r\nX: y" + fields, LIMITS)
    assert caught.value.status == 431


@pytest.mark.req("PX-24")
@pytest.mark.parametrize(
    "target",
    [b"/a%2fb", b"//a//b", b"/../a/./b", b"/a;b=c", b"/%2E%2e/%aF", b"/?a=b&&c", b"/|\"<>^`{}\\'"],
)
def test_targets_are_not_touched(target: bytes) -> None:
    head = read_head(b"GET " + target + b" HTTP/1.1\r\nHost: h", LIMITS)
    assert head.target == target


def test_a_body_counts_what_passed_and_measures_the_pace() -> None:
    head = read_head(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10", LIMITS)
    body = RequestBody(head)
    body.restart_clock(100.0)
    assert body.feed(b"12345") == b"12345" and not body.done
    assert not body.too_slow(105.0, rate=10, after=10)
    assert body.too_slow(111.0, rate=10, after=10)
    assert body.feed(b"67890next") == b"67890" and body.done and body.rest == b"next"
