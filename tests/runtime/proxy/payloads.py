"""Requests meant to be read in two ways (PX-02 to PX-05), made by code.

Each entry is a name and the raw bytes; behind each, a test sends a second request to `/smuggled`.
"""

from __future__ import annotations

H = b"Host: app.localhost\r\n"


def _post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\n" + H + fields + b"\r\n" + body


def _get(fields: bytes) -> bytes:
    return b"GET / HTTP/1.1\r\n" + H + fields + b"\r\n"


LENGTHS = [
    b"-1",
    b"+5",
    b"5 5",
    b"5,5",
    b"5, 5",
    b"0x5",
    b"5.0",
    b"5e0",
    b"1_0",
    b"5;",
    b"five",
    b"",
    b"\xd9\xa5",
    b"99999999999999999999",
    b"5\t5",
    b"5 ,",
    b",5",
    b"'5'",
    b'"5"',
    b"0b1",
    b"5\x0b",
]
CODINGS = [
    b"gzip, chunked",
    b"chunked, gzip",
    b"chunked, chunked",
    b"chunked,",
    b",chunked",
    b"xchunked",
    b"chunkedx",
    b"chunked;q=1",
    b"identity",
    b"identity, chunked",
    b'"chunked"',
    b"'chunked'",
    b"chunked\x0b",
    b"chunked\x0c",
    b"chunked\x00",
    b"\x00chunked",
    b"[chunked]",
    b"",
    b"gzip",
    b"deflate",
    b"chunked chunked",
    b"chunked,identity",
    b"chunked\\",
    b"chun ked",
    b"trailers",
]
CODING_NAMES = [
    b"Transfer-Encoding ",
    b" Transfer-Encoding",
    b"Transfer-Encoding\t",
    b"Transfer Encoding",
    b"Transfer-Encoding\x00",
    b"Transfer_Encoding",
    b"transfer_encoding",
    b"TRANSFER_ENCODING",
    b"\tTransfer-Encoding",
    b"Transfer-Encoding\x0b",
    b"Transfer\xadEncoding",
    b"X\rTransfer-Encoding",
    b"X: y\nTransfer-Encoding",
    b"X: y\rTransfer-Encoding",
    b"(Transfer-Encoding)",
]
LENGTH_NAMES = [
    b"Content-Length ",
    b" Content-Length",
    b"Content-Length\t",
    b"Content Length",
    b"Content_Length",
    b"content_length",
    b"Content-Length\x00",
    b"X: y\nContent-Length",
    b"X: y\rContent-Length",
    b"\x0bContent-Length",
]
CHUNKS = [
    b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5\r\nhello\r\n0\n\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"5_0\r\nhello\r\n0\r\n\r\n",
    b"5g\r\nhello\r\n0\r\n\r\n",
    b"\r\n5\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhelloX\r\n0\r\n\r\n",
    b"4\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello0\r\n\r\n",
    b";x\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\nhello",
    b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    b"5\r\rhello\r\n0\r\n\r\n",
    b"5;x=\x00\r\nhello\r\n0\r\n\r\n",
    b"5;x\n\r\nhello\r\n0\r\n\r\n",
    b"5;" + b"x" * 2000 + b"\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nBad Trailer: x\r\n\r\n",
    b"5\r\nhello\r\n0\r\n folded\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX\r\n\r\n",
    b"5\r\nhello\r\n0\r\nX: \x00\r\n\r\n",
    b"5\r\nhello\r\n0\r\n" + b"T: x\r\n" * 3000 + b"\r\n",
    b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
    b"5 hello\r\nhello\r\n0\r\n\r\n",
    b"5\x0b\r\nhello\r\n0\r\n\r\n",
    b"0\r\r\n\r\n",
    b"5\r\n\r\nhello\r\n0\r\n\r\n",
]
LINES = [
    b"GET / HTTP/0.9\r\n",
    b"GET / HTTP/1.2\r\n",
    b"GET / HTTP/2.0\r\n",
    b"GET / HTTP/1.1x\r\n",
    b"GET / HTTP/1.10\r\n",
    b"GET / HTTP/01.1\r\n",
    b"GET / HTTP/1.\r\n",
    b"GET / HTTP/1\r\n",
    b"GET / HTTP/ 1.1\r\n",
    b"GET / http/1.1\r\n",
    b"GET / HTTPS/1.1\r\n",
    b"GET / ICAP/1.0\r\n",
    b"GET /\r\n",
    b"GET\r\n",
    b"GET  / HTTP/1.1\r\n",
    b"GET /  HTTP/1.1\r\n",
    b"GET\t/\tHTTP/1.1\r\n",
    b"GET / HTTP/1.1 \r\n",
    b" GET / HTTP/1.1\r\n",
    b"\r\nGET / HTTP/1.1\r\n",
    b"\nGET / HTTP/1.1\r\n",
    b"GET /a b HTTP/1.1\r\n",
    b"GET /a\x00b HTTP/1.1\r\n",
    b"GET /a\x7fb HTTP/1.1\r\n",
    b"GET /\xc3\xa9 HTTP/1.1\r\n",
    b"GET /a#b HTTP/1.1\r\n",
    b"GET a HTTP/1.1\r\n",
    b"GET ../a HTTP/1.1\r\n",
    b"get / HTTP/1.1\r\n",
    b"G=T / HTTP/1.1\r\n",
    b"GE\x00T / HTTP/1.1\r\n",
    b"GET / HTTP/1.1\x00\r\n",
    b"PRI * HTTP/2.0\r\n",
    b"CONNECT app.localhost:80 HTTP/1.1\r\n",
    b"TRACE / HTTP/1.1\r\n",
    b"GET * HTTP/1.1\r\n",
    b"GET app.localhost HTTP/1.1\r\n",
    b"GET app.localhost:80 HTTP/1.1\r\n",
    b"GET http://evil.localhost/ HTTP/1.1\r\n",
    b"GET ftp://app.localhost/ HTTP/1.1\r\n",
    b"GET http://app.localhost:81/ HTTP/1.1\r\n",
    b"GET http:///x HTTP/1.1\r\n",
    b"GET http://user@app.localhost/ HTTP/1.1\r\n",
    b"GET file:///etc/passwd HTTP/1.1\r\n",
    b"GET http:/app.localhost/ HTTP/1.1\r\n",
    b"GET javascript:x HTTP/1.1\r\n",
    b"A" * 40 + b" / HTTP/1.1\r\n",
]
FIELDS = [
    b"X\r\n",
    b": x\r\n",
    b"X y: z\r\n",
    b"X\x00: y\r\n",
    b"X: a\x00b\r\n",
    b"X: a\rb\r\n",
    b"X: a\nb\r\n",
    b"X: a\r\n b\r\n",
    b"X: a\r\n\tb\r\n",
    b"X: \x7f\r\n",
    b"X: \x01\r\n",
    b"\xffX: y\r\n",
    b"X@: y\r\n",
    b"X(: y\r\n",
    b'"X": y\r\n',
    b"X\xc3\xa9: y\r\n",
    b"X:\x0by\r\n",
    b"X/Y: z\r\n",
    b"X: y\r\r\n",
    b"X: y\n\r\n",
]
_UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
_VERSION = b"Sec-WebSocket-Version: 13\r\n"
_KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
UPGRADES = [
    _UPGRADE,
    _UPGRADE + _VERSION,
    _UPGRADE + _KEY,
    _UPGRADE + _VERSION + b"Sec-WebSocket-Key: x\r\n",
    _UPGRADE + _VERSION + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=\r\n",
    _UPGRADE + b"Sec-WebSocket-Version: 8\r\n" + _KEY,
    _UPGRADE + b"Sec-WebSocket-Version: 777\r\n" + _KEY,
    _UPGRADE + _VERSION + _KEY + _KEY,
    _UPGRADE + _VERSION + _KEY + b"Content-Length: 5\r\n",
]


def refused() -> list[tuple[str, bytes]]:
    """Payloads of which the app must not see a byte of the request, or only its beginning."""
    chunked = b"Transfer-Encoding: chunked\r\n"
    made: list[tuple[str, bytes]] = []
    made += [(f"length {v!r}", _post(b"Content-Length: " + v + b"\r\n", b"hello")) for v in LENGTHS]
    made += [
        (f"coding {v!r}", _post(b"Transfer-Encoding: " + v + b"\r\n", b"0\r\n\r\n"))
        for v in CODINGS
    ]
    made += [
        (f"coding name {n!r}", _post(n + b": chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n"))
        for n in CODING_NAMES
    ]
    made += [
        (f"length name {n!r}", _post(n + b": 44\r\nContent-Length: 0\r\n")) for n in LENGTH_NAMES
    ]
    made += [
        (f"both {order}", _post(fields, b"0\r\n\r\n"))
        for order, fields in (
            ("CL TE", b"Content-Length: 5\r\n" + chunked),
            ("TE CL", chunked + b"Content-Length: 5\r\n"),
            ("CL 0 TE", b"Content-Length: 0\r\n" + chunked),
            ("CL CL same", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
            ("CL CL other", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
            ("TE TE", chunked + chunked),
            ("TE TE identity", chunked + b"Transfer-Encoding: identity\r\n"),
            ("TE identity TE", b"Transfer-Encoding: identity\r\n" + chunked),
            ("TE te", chunked + b"transfer-encoding: x\r\n"),
        )
    ]
    made.append(("TE in 1.0", b"POST / HTTP/1.0\r\n" + H + chunked + b"\r\n0\r\n\r\n"))
    made += [(f"line {line!r}", line + H + b"\r\n") for line in LINES]
    made += [(f"field {line!r}", _get(line)) for line in FIELDS]
    made += [(f"upgrade {number}", _get(fields)) for number, fields in enumerate(UPGRADES)]
    made.append(("expectation", _post(b"Expect: 200-ok\r\nContent-Length: 5\r\n", b"hello")))
    made.append(("two credentials", _get(b"Authorization: a\r\nAuthorization: b\r\n")))
    made.append(("long line", b"GET /" + b"a" * 8200 + b" HTTP/1.1\r\n" + H + b"\r\n"))
    made.append(("large head", _get(b"X: " + b"a" * 33000 + b"\r\n")))
    made.append(("many fields", _get(b"X: y\r\n" * 101)))
    made.append(("bare LF head", b"GET / HTTP/1.1\nHost: app.localhost\n\n"))
    made.append(("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40 + b"\r\n\r\n"))
    return made


def bad_chunks() -> list[tuple[str, bytes]]:
    """Good heads with bodies whose chunks are malformed."""
    return [
        (f"chunks {body[:40]!r}", _post(b"Transfer-Encoding: chunked\r\n", body)) for body in CHUNKS
    ]


def accepted() -> list[tuple[str, bytes, bytes]]:
    """Unusual, and yet with one meaning only: the body that the app must see."""
    close = b"Connection: close\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n" + close
    h2c = b"Upgrade: h2c\r\nHTTP2-Settings: x\r\nConnection: close, Upgrade, HTTP2-Settings\r\n"
    return [
        ("plain", _post(b"Content-Length: 5\r\n" + close, b"hello"), b"hello"),
        ("no space", _post(b"Content-Length:5\r\n" + close, b"hello"), b"hello"),
        ("tabs", _post(b"Content-Length:\t5\t\r\n" + close, b"hello"), b"hello"),
        ("zeros", _post(b"Content-Length: 0005\r\n" + close, b"hello"), b"hello"),
        ("empty", _post(b"Content-Length: 0\r\n" + close), b""),
        ("chunked", _post(chunked, b"5\r\nhello\r\n0\r\n\r\n"), b"hello"),
        (
            "case",
            _post(b"tRANSFER-eNCODING: ChunKed\r\n" + close, b"5\r\nhello\r\n0\r\n\r\n"),
            b"hello",
        ),
        ("hex", _post(chunked, b"A\r\n0123456789\r\n0\r\n\r\n"), b"0123456789"),
        ("leading zeros", _post(chunked, b"0005\r\nhello\r\n000\r\n\r\n"), b"hello"),
        ("extension", _post(chunked, b"5;a=b;c\r\nhello\r\n0;x\r\n\r\n"), b"hello"),
        ("trailer", _post(chunked, b"5\r\nhello\r\n0\r\nX-Evil: 1\r\n\r\n"), b"hello"),
        ("like a request", _post(b"Content-Length: 8\r\n" + close, b"GET /x\r\n"), b"GET /x\r\n"),
        ("absolute form", b"GET http://app.localhost/a?b HTTP/1.1\r\n" + H + close + b"\r\n", b""),
        ("obs-text", _get(b"X: caf\xe9\r\n" + close), b""),
        ("empty value", _get(b"X:\r\n" + close), b""),
        ("h2c is stripped", _get(h2c), b""),
        ("upgrade not named", _get(b"Upgrade: websocket\r\n" + close), b""),
    ]
