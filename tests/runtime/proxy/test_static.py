"""Static Spaces: a fixed list of files, and no way out of it (WEB-18, spaces-behaviour 3.5)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.proxy import ProxySettings, StaticLimits
from runtime.proxy.folder import content_type, find, list_folder
from runtime.proxy.ranges import Conditions, byte_range, conditions, not_modified
from runtime.proxy.routes import Folder, RouteTable
from runtime.proxy.window_script import insert_at, window_script
from tests.runtime.proxy.conftest import Bench, body_of, field_of, route, status_of

SECRET = b"outside"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "outside.txt").write_bytes(SECRET)
    root = tmp_path / "site"
    (root / "sub" / ".git").mkdir(parents=True)
    files = {
        "index.html": "<html><HEAD lang=en><title>t</title></head>",
        "page.html": "no head here",
        "style.css": "body {}",
        "app.py": "print()",
        "name with spaces & ü.txt": "named",
        "sub/deep.js": "1",
        "sub/.git/config": "hidden",
        ".env": "hidden",
        "large.bin": "",
        "large.html": "",
    }
    for name, text in files.items():
        (root / name).write_text(text)
    (root / "large.bin").write_bytes(bytes(range(256)) * 4096)
    (root / "large.html").write_bytes(b"<head>" + b"x" * 1_000_000)
    (root / "link.txt").symlink_to(tmp_path / "outside.txt")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe")
    return root


async def serving(bench: Bench, root: Path, **changes: object) -> None:
    folder = Folder(root, **changes)  # type: ignore[arg-type]
    await bench.proxy(route("app", folder))


@pytest.mark.req("WEB-18")
@pytest.mark.parametrize(
    "target",
    [
        "/../outside.txt",
        "/..%2foutside.txt",
        "/%2e%2e/outside.txt",
        "/sub/../../outside.txt",
        "/sub/..%5c..%5coutside.txt",
        "/..\\outside.txt",
        "//outside.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/link.txt",
        "/up/outside.txt",
        "/.env",
        "/%2eenv",
        "/sub/.git/config",
        "/.git/config",
        "/./index.html",
        "/sub",
        "/sub/",
        "/page/",
        "/index.html/",
        "/index.html%00",
        "/index.html%00.txt",
        "/pipe",
        "/INDEX.HTML",
        "/nothing",
        "/%ff",
        "/%",
    ],
)
async def test_what_is_not_listed_does_not_exist(bench: Bench, site: Path, target: str) -> None:
    await serving(bench, site)
    answer = await bench.get(target)
    assert status_of(answer) == 404 and body_of(answer) == b"Entry not found"


@pytest.mark.parametrize(
    ("target", "kind", "beginning"),
    [
        ("/", "text/html; charset=utf-8", b"<html><HEAD lang=en><script>"),
        ("/?a=b", "text/html; charset=utf-8", b"<html>"),
        ("/index.html", "text/html; charset=utf-8", b"<html>"),
        ("/index", "text/html; charset=utf-8", b"<html>"),
        ("/page", "text/html; charset=utf-8", b"<script>window.huggingface="),
        ("/style.css", "text/css; charset=utf-8", b"body {}"),
        ("/app.py", "text/x-python; charset=utf-8", b"print()"),
        ("/sub/deep.js", "text/javascript; charset=utf-8", b"1"),
        ("/sub%2fdeep.js", "text/javascript; charset=utf-8", b"1"),
        ("/name%20with%20spaces%20&%20%C3%BC.txt", "text/plain; charset=utf-8", b"named"),
        ("/large.bin", "application/octet-stream", bytes(range(256))),
    ],
)
async def test_files_are_served(
    bench: Bench, site: Path, target: str, kind: str, beginning: bytes
) -> None:
    await serving(bench, site)
    answer = await bench.get(target)
    assert status_of(answer) == 200 and body_of(answer).startswith(beginning)
    assert field_of(answer, "Content-Type") == [kind]
    assert field_of(answer, "X-Content-Type-Options") == ["nosniff"]
    assert field_of(answer, "Content-Length") == [str(len(body_of(answer)))]
    etag = field_of(answer, "ETag")[0]
    again = await bench.get(target, "app.localhost", f'If-None-Match: W/{etag}, "other"')
    assert status_of(again) == 304 and body_of(again) == b""


async def test_heads_ranges_and_other_methods(bench: Bench, site: Path) -> None:
    await serving(bench, site)
    for target, size in (("/style.css", 7), ("/large.bin", 1048576)):
        head = await bench.ask(
            f"HEAD {target} HTTP/1.1\r\nHost: app.localhost\r\nConnection: close\r\n\r\n".encode()
        )
        assert field_of(head, "Content-Length") == [str(size)] and body_of(head) == b""
        part = await bench.get(target, "app.localhost", "Range: bytes=2-4")
        assert status_of(part) == 206 and len(body_of(part)) == 3
        assert field_of(part, "Content-Range") == [f"bytes 2-4/{size}"]
        last = await bench.get(target, "app.localhost", "Range: bytes=-2")
        assert field_of(last, "Content-Range") == [f"bytes {size - 2}-{size - 1}/{size}"]
        beyond = await bench.get(target, "app.localhost", f"Range: bytes={size}-")
        assert status_of(beyond) == 416
        assert field_of(beyond, "Content-Range") == [f"bytes */{size}"]
        stale = await bench.get(target, "app.localhost", "Range: bytes=2-4", 'If-Range: "old"')
        assert status_of(stale) == 200
    post = b"POST / HTTP/1.1\r\nHost: app.localhost\r\nContent-Length: 3\r\n\r\nabc"
    answer = await bench.ask(post)
    assert status_of(answer) == 405 and field_of(answer, "Allow") == ["GET, HEAD"]


async def test_large_files_follow_one_another_on_a_connection(bench: Bench, site: Path) -> None:
    await serving(bench, site)
    client = await bench.client()
    for target in ("/large.bin", "/style.css", "/large.html", "/large.bin"):
        await client.send(f"GET {target} HTTP/1.1\r\nHost: app.localhost\r\n\r\n".encode())
        status, _, body = await client.answer()
        assert status == 200
        if target == "/large.html":
            assert body.startswith(b"<head><script>window.huggingface=")
            assert body.endswith(b"</script>" + b"x" * 1_000_000)
        if target == "/large.bin":
            assert body == (site / "large.bin").read_bytes()


async def test_a_new_release_is_seen_at_once(bench: Bench, tmp_path: Path) -> None:
    tags = set()
    for number in range(2):
        root = tmp_path / f"release-{number}"
        root.mkdir()
        for name, size in (("a.txt", 1), ("b.bin", 500_000)):
            (root / name).write_bytes(b"%d" % number * size)
            os.utime(root / name, (1, 1))  # same size and time: only the release differs
        if not bench.proxies:
            await serving(bench, root)
        else:
            bench.proxies[0].routes = RouteTable([route("app", Folder(root))])
        for name in ("a.txt", "b.bin"):
            answer = await bench.get(f"/{name}")
            assert body_of(answer)[:1] == b"%d" % number
            tags.add(field_of(answer, "ETag")[0])
    assert len(tags) == 4


async def test_variables_reach_the_page_and_nothing_breaks_out(bench: Bench, site: Path) -> None:
    await serving(bench, site, variables={"KEY": "</script><script>alert(1)&\u2028"})
    body = body_of(await bench.get("/")).decode()
    assert body.count("<script>") == 1 and "\\u003c/script\\u003e" in body
    # The same folder with other variables is another page.
    bench.proxies[0].routes = RouteTable([route("app", Folder(site, variables={"KEY": "new"}))])
    assert '"KEY": "new"' in body_of(await bench.get("/")).decode()


async def test_an_app_file_in_a_folder_has_its_neighbours_beside_it(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "dist" / "assets").mkdir(parents=True)
    (tmp_path / "dist" / "index.html").write_text("built")
    (tmp_path / "dist" / "assets" / "a.js").write_text("js")
    await serving(bench, tmp_path, app_file="dist/index.html")
    assert body_of(await bench.get("/")).endswith(b"built")
    for target in ("/assets/a.js", "/dist/assets/a.js"):
        assert body_of(await bench.get(target)) == b"js"


async def test_the_cache_is_bounded(bench: Bench, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.bin").write_bytes(bytes(1000))
    limits = StaticLimits(cache_bytes=5000, files=15)
    proxy = await bench.proxy(route("app", Folder(tmp_path)), settings=ProxySettings(static=limits))
    found = [status_of(await bench.get(f"/{number}.bin")) for number in range(20)]
    assert found.count(200) == 15 and found.count(404) == 5
    assert proxy.shared.static._cached <= 5000


def test_listing_and_finding(site: Path) -> None:
    listing = list_folder(site, 1000)
    assert ".env" not in listing and "link.txt" not in listing and "sub/deep.js" in listing
    assert find(listing, "missing.html", b"/") is None
    assert find(listing, "index.html", b"/page?x") == "page.html"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.wasm", "application/wasm"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.tar.gz", "application/gzip"),
        ("a.woff2", "font/woff2"),
        ("LICENSE", "text/plain; charset=utf-8"),
        ("a.unknown", "application/octet-stream"),
    ],
)
def test_content_types(name: str, kind: str) -> None:
    assert content_type(name) == kind


def test_conditions() -> None:
    read = conditions([b"Range: bytes=0-1", b'if-none-match: "a"', b"Referer: x", b"If-Range: b"])
    assert read == Conditions(b'"a"', b"b", b"bytes=0-1")
    assert not_modified(Conditions(b"*"), b'"x"')
    for text, expected in (
        (b"bytes=0-0", (0, 1)),
        (b"bytes=5-", (5, 5)),
        (b"bytes=0-99", (0, 10)),
        (b"bytes=-99", (0, 10)),
        (b"bytes=5-3", None),
        (b"bytes=0-1,3-4", None),
        (b"lines=0-1", None),
        (b"bytes=-", None),
    ):
        assert byte_range(Conditions(range=text), b"e", 10) == expected, text
    for text in (b"bytes=10-", b"bytes=-0", b"bytes=99-100"):
        with pytest.raises(ValueError, match="outside"):
            byte_range(Conditions(range=text), b"e", 10)


def test_where_the_script_goes() -> None:
    assert insert_at(b"<!doctype html><head><title>") == 21
    assert insert_at(b"<header><head class=x>") == 22
    assert insert_at(b"nothing") == 0
    assert b"</script>" not in window_script({"a": "</script>"})[:-9]
