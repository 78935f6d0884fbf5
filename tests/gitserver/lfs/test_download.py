"""GET by raw requests: ranges, and as what an object is served."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gitserver.lfs.world import batch, download, href, upload
from tests.hub.conftest import Hub


@pytest.mark.req("LFS-14")
def test_ranges(hub: Hub, token: str) -> None:
    data = bytes(range(256)) * 64
    oid, size = upload(hub, "tess/demo", token, data), 256 * 64

    def get(value: str, **more: str) -> Any:
        return download(hub, "tess/demo", token, oid, size, headers={"Range": value, **more})

    for value, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=100-", 100, size),
        ("bytes=-5", size - 5, size),
        ("bytes=5-999999", 5, size),
    ):
        answer = get(value)
        assert (answer.status, answer.body) == (206, data[start:stop])
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
    for value in (f"bytes={size}-", "bytes=9-3", "bytes=-0"):
        answer = get(value)
        assert answer.status == 416 and answer.headers["Content-Range"] == f"bytes */{size}"
    for value in ("bytes=" + ",".join(["0-0"] * 1000), "lines=1-2", "bytes=a-b", "bytes=-"):
        answer = get(value)
        assert answer.status == 200 and answer.body == data
    assert get("bytes=0-0", **{"If-Range": '"other"'}).body == data
    assert get("bytes=0-0", **{"If-Range": f'"{oid}"'}).status == 206


@pytest.mark.req("LFS-15")
def test_served_as_nothing_that_runs(hub: Hub, token: str) -> None:
    data = b"<script>alert(document.cookie)</script>"
    oid = upload(hub, "tess/demo", token, data)
    answer = download(hub, "tess/demo", token, oid, len(data))
    assert answer.headers["ETag"] == f'"{oid}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    again = download(hub, "tess/demo", token, oid, len(data), headers={"If-None-Match": f'"{oid}"'})
    assert again.status == 304 and not again.body
    path = href(batch(hub, "tess/demo", token, "download", (oid, len(data))), "download")
    head = hub.wire.ask("HEAD", path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == str(len(data))
