"""The settings of storage and volumes, the question when a Space is copied, and the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spaceport.ledger import accounts, mounted, volumes
from spaceport.ledger.volumes import Disk
from spaceport.names import SpaceKey
from spaceport.sdk import Sdk
from tests.hub.web.conftest import Site

SPACEPORT = Path(sys.executable).with_name("spaceport")


def disk_of(site: Site, key: SpaceKey) -> Disk | None:
    with site.context.ledger.read() as tx:
        return volumes.of_space(tx, key)


@pytest.mark.req("4.5.2", "16.9")
def test_a_person_adds_enlarges_and_deletes_storage(site: Site) -> None:
    space = site.made("stella/box")
    visitor = site.visitor("stella")
    page = visitor.get("/spaces/stella/box/settings").text
    for words in ("50 GB + 20 GB", "$5 a month", "$25 a month", "$100 a month", "Ephemeral"):
        assert words in page
    assert visitor.post("/spaces/stella/box/settings/storage", tier="medium").status == 303
    page = visitor.get("/spaces/stella/box/settings").text
    assert "<strong>Medium</strong>" in page and "Nothing is in it yet." in page
    refused = visitor.post("/spaces/stella/box/settings/storage", tier="small")
    assert refused.status == 400 and "cannot become smaller" in refused.text
    refused = visitor.post("/spaces/stella/box/settings/storage/delete", confirm="stella")
    assert refused.status == 400 and disk_of(site, space.key) is not None
    path = "/spaces/stella/box/settings/storage/delete"
    assert visitor.post(path, confirm="stella/box").status == 303
    assert disk_of(site, space.key) is None


def test_a_person_adds_and_removes_volumes(site: Site) -> None:
    site.made("stella/source")
    space = site.made("stella/user")
    visitor, base = site.visitor("stella"), "/spaces/stella/user/settings/volumes"
    fields = {"type": "space", "source": "stella/source", "place": "/models", "revision": "main"}
    assert visitor.post(base, **fields).status == 303
    assert "/models" in visitor.get("/spaces/stella/user/settings").text
    refused = visitor.post(base, **fields)
    assert refused.status == 400 and "cover each other" in refused.text
    assert visitor.post(f"{base}/delete", place="/models").status == 303
    with site.context.ledger.read() as tx:
        assert mounted.of(tx, space.key) == ()


def test_a_static_space_is_not_asked(site: Site) -> None:
    site.made("stella/pages", Sdk.STATIC)
    page = site.visitor("stella").get("/spaces/stella/pages/settings").text
    assert 'id="storage"' not in page


@pytest.mark.req("6.7")
def test_a_copy_is_asked_for_storage_only_if_the_source_has_some(site: Site) -> None:
    site.made("stella/plain")
    space = site.made("stella/full")
    with site.context.ledger.write() as tx:
        volumes.set_tier(tx, space, "small", 20 << 30)
    visitor = site.visitor("copier")
    assert 'name="storage"' not in visitor.get("/spaces/stella/plain/duplicate").text
    assert 'name="storage"' in visitor.get("/spaces/stella/full/duplicate").text
    fields = {"owner": "copier", "name": "full", "visibility": "private", "storage": "medium"}
    assert visitor.post("/spaces/stella/full/duplicate", **fields).status == 303
    made = site.visitor("copier").get("/spaces/copier/full/settings").text
    assert "<strong>Medium</strong>" in made


def test_the_command_shows_gives_and_deletes(site: Site) -> None:
    space = site.made("stella/cli")

    def run(*words: str) -> tuple[int, str]:
        ran = subprocess.run(
            [SPACEPORT, *words],
            env={**os.environ, "SPACEPORT_DATA": str(site.context.data)},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        return ran.returncode, ran.stdout + ran.stderr

    assert run("space", "storage", "stella/cli")[1].strip().endswith("no persistent storage.")
    assert "20 GB at /data (small)" in run("space", "storage", "stella/cli", "--tier", "small")[1]
    status, text = run("space", "storage", "stella/cli", "--tier", "huge")
    assert status == 1 and "no storage tier" in text
    status, text = run("space", "storage", "stella/cli", "--delete")
    assert status == 1 and disk_of(site, space.key) is not None  # nobody could be asked
    assert run("space", "storage", "stella/cli", "--delete", "--yes")[0] == 0
    assert disk_of(site, space.key) is None

    site.user("boxer")
    with site.context.ledger.write() as tx:
        owner = accounts.by_name(tx, "boxer")
        assert owner is not None
        volumes.make_bucket(tx, owner.id, "Cache", "small", 20 << 30)
    assert "boxer/cache\t20 GB\tNothing is in it yet." in run("bucket", "list")[1]
    assert run("bucket", "delete", "boxer/none", "--yes")[0] == 1
    assert run("bucket", "delete", "boxer/cache", "--yes")[0] == 0
    assert "boxer/cache" not in run("bucket", "list")[1]
