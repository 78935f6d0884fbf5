"""The real huggingface_hub with hf_xet: what is uploaded comes back, by API and by git-lfs."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._runtime import is_xet_available
from huggingface_hub.utils._xet import abort_xet_session

from config.lfs import LfsSettings
from gitserver.pointer import parse_pointer
from tests.gitserver.xet.making import sha256
from tests.hub.conftest import Hub, make_context
from tests.hub.sending import serving, spooled
from tests.hub.wire import free_port

MIB = 1024 * 1024
SPACE = {"repo_type": "space"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """hf_xet remembers what it uploaded in a folder of the test's own."""
    assert is_xet_available()
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "xet-cache"))
    yield tmp_path / "cache"
    abort_xet_session()


def contents() -> dict[str, bytes]:
    """What compresses well, badly and not at all; every scheme of chunks is used."""
    numbers = b"".join((number * 3).to_bytes(4, "little") for number in range(3 * MIB))
    return {
        "random.bin": os.urandom(12 * MIB),
        "text.txt": b"".join(b"line %d of a long log\n" % number for number in range(MIB // 2)),
        "numbers.bin": numbers,
        "sparse.img": bytes(6 * MIB) + b"in the middle" + bytes(20 * MIB),
    }


def test_files_come_back_as_they_went(hub: Hub, cache: Path, tmp_path: Path) -> None:
    api, space, made = hub.api("xena"), hub.space("xena/files"), contents()
    for path, data in made.items():
        done = api.upload_file(
            path_or_fileobj=data, path_in_repo=path, repo_id="xena/files", **SPACE
        )
        head = hub.wire.ask("HEAD", f"/spaces/xena/files/resolve/{done.oid}/{path}")
        assert head.headers["X-Linked-Size"] or head.headers["Content-Length"] == str(len(data))
        assert "X-Xet-Hash" not in head.headers and "xet" not in str(head.headers.get("Link"))
        found = hf_hub_download("xena/files", path, endpoint=hub.url, cache_dir=cache, **SPACE)
        assert Path(found).read_bytes() == data
    assert len(hub.context.large.held(space.key, [sha256(data) for data in made.values()])) == 4
    assert spooled(hub) == []

    clone = tmp_path / "clone"
    url = f"http://xena:{hub.token('xena')}@localhost:{hub.port}/spaces/xena/files"
    lfs = ("-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.required=true")
    process = ("-c", "filter.lfs.process=git-lfs filter-process")
    subprocess.run(
        ["git", *lfs, *process, "clone", "-q", url, clone], check=True, capture_output=True
    )
    assert {path: (clone / path).read_bytes() == data for path, data in made.items()} == (
        dict.fromkeys(made, True)
    )
    for path in made:
        stored = subprocess.run(
            ["git", "cat-file", "blob", f"HEAD:{path}"], cwd=clone, check=True, capture_output=True
        ).stdout
        pointer = parse_pointer(stored)
        assert pointer is not None and pointer.oid == sha256(made[path])


def test_a_folder_and_the_same_again(hub: Hub, cache: Path, tmp_path: Path) -> None:
    api, space = hub.api("xander"), hub.space("xander/folder")
    folder = tmp_path / "folder"
    (folder / "weights").mkdir(parents=True)
    large = os.urandom(70 * MIB)
    (folder / "weights" / "large.bin").write_bytes(large)
    (folder / "weights" / "twice.bin").write_bytes(large[: 40 * MIB] + b"another end")
    (folder / "copy.bin").write_bytes(large)
    (folder / "app.py").write_text("print('small files go with the commit')\n")
    (folder / "empty.bin").touch()
    first = api.upload_folder(folder_path=folder, repo_id="xander/folder", **SPACE)
    found = Path(snapshot_download("xander/folder", endpoint=hub.url, cache_dir=cache, **SPACE))
    for path in ("weights/large.bin", "weights/twice.bin", "copy.bin", "app.py", "empty.bin"):
        assert (found / path).read_bytes() == (folder / path).read_bytes(), path

    again = api.upload_folder(folder_path=folder, repo_id="xander/folder", **SPACE)
    assert again.oid == first.oid  # nothing is new, so there is no commit
    elsewhere = api.upload_file(
        path_or_fileobj=folder / "copy.bin",
        path_in_repo="moved.bin",
        repo_id=str(space.id),
        **SPACE,
    )
    assert elsewhere.oid != first.oid
    info = api.get_paths_info("xander/folder", ["copy.bin", "moved.bin"], **SPACE)
    assert [file.lfs.sha256 for file in info] == [sha256(large)] * 2
    assert spooled(hub) == []


def test_the_same_file_for_two_spaces(hub: Hub) -> None:
    data = os.urandom(11 * MIB)
    for user in ("xa", "xb"):
        space = hub.space(f"{user}/demo")
        hub.api(user).upload_file(
            path_or_fileobj=data, path_in_repo="a.bin", repo_id=str(space.id), **SPACE
        )
        assert hub.context.large.held(space.key, [sha256(data)])


def test_hf_upload(hub: Hub, tmp_path: Path) -> None:
    space = hub.space("xu/cli")
    file = tmp_path / "model.safetensors"
    file.write_bytes(os.urandom(12 * MIB))
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token("xu"),
        "HF_HOME": str(tmp_path / "home"),
    }
    command = [
        Path(sys.executable).with_name("hf"),
        "upload",
        "xu/cli",
        file,
        "--repo-type",
        "space",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert hub.context.large.held(space.key, [sha256(file.read_bytes())])


def test_who_may_not_write_uploads_nothing(hub: Hub) -> None:
    space = hub.space("xo/demo")
    data = os.urandom(11 * MIB)
    for api in (hub.api("xstranger"), HfApi(endpoint=hub.url, token=hub.token("xo", "read"))):
        with pytest.raises(HfHubHTTPError, match="403"):
            api.upload_file(path_or_fileobj=data, path_in_repo="a.bin", repo_id="xo/demo", **SPACE)
    assert not hub.context.large.held(space.key, [sha256(data)]) and spooled(hub) == []


@pytest.mark.req("LFS-07")
async def test_a_full_quota_is_told_before_and_refused_after(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "propagate", True)
    lfs = LfsSettings(space_bytes=30 * MIB)
    context = make_context(tmp_path / "data", free_port(), lfs=lfs)
    hub = Hub(context, context.settings.http.port)
    space, api = hub.space("xfull/demo"), hub.api("xfull")

    def upload(name: str, data: bytes) -> None:
        api.upload_file(path_or_fileobj=data, path_in_repo=name, repo_id="xfull/demo", **SPACE)

    fits, more = os.urandom(20 * MIB), os.urandom(20 * MIB)
    async with serving(context):
        await asyncio.to_thread(upload, "fits.bin", fits)
        assert "may hold" not in caplog.text
        with pytest.raises(ConnectionError, match="413"):
            await asyncio.to_thread(upload, "more.bin", more)
        assert "This Space may hold 31457280 bytes" in caplog.text
        # What is there already needs no room, so it was right not to refuse beforehand.
        await asyncio.to_thread(upload, "again.bin", fits)
    assert set(context.large.held(space.key, [sha256(fits), sha256(more)])) == {sha256(fits)}
    assert spooled(hub) == []
    context.pools.close()
    context.large.close()
    context.ledger.close()
