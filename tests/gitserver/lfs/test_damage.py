"""A flipped bit is never taken for the file, is found and named, and can be mended (DUR-18)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitserver.lfs.scrub import scrub
from tests.gitserver.lfs.test_clients import clone, commit
from tests.gitserver.lfs.world import git, oid_of
from tests.hub.conftest import Hub


@pytest.mark.req("DUR-18")
def test_found_named_and_mended(hub: Hub, tmp_path: Path) -> None:
    hub.space("dora/demo")
    work = clone(hub, "dora/demo", "dora", tmp_path / "work")
    data = os.urandom(5000)
    oid = oid_of(data)
    commit(work, {"x.bin": data})
    git("push", "-q", "origin", "HEAD:main", cwd=work)
    assert not list(scrub(hub.context.large))
    file = hub.context.large.store.file(oid, 5000)
    file.chmod(0o644)
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    url = f"{hub.url}/spaces/dora/demo"
    said = git("clone", "-q", url, tmp_path / "wrong", cwd=tmp_path, ok=False)
    assert "x.bin" in said and not (tmp_path / "wrong" / "x.bin").exists()
    (unsound,) = scrub(hub.context.large)
    assert (unsound.oid, unsound.why) == (oid, "damaged")
    assert [str(holder) for holder in unsound.holders] == ["dora/demo"]
    file.unlink()
    (unsound,) = scrub(hub.context.large)
    assert unsound.why == "lost"
    git("lfs", "push", "--object-id", "origin", oid, cwd=work)
    assert not list(scrub(hub.context.large))
    git("clone", "-q", url, tmp_path / "right", cwd=tmp_path)
    assert (tmp_path / "right" / "x.bin").read_bytes() == data
