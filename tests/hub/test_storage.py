"""Storage tiers and volumes through the API, with the real client where it has the call."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, Volume
from huggingface_hub.errors import BadRequestError

from hub.sources import RepositorySources
from hub.storage import check_mount_path
from runtime.storage.needs import VolumeRefused, needs_of
from spaceport.errors import Invalid, NotFound
from spaceport.ledger import moves, spaces, usage, volumes
from spaceport.ledger.overview import overview
from spaceport.sdk import Sdk
from tests.hub.conftest import Hub
from tests.hub.wire import Answer

_numbers = itertools.count()
EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def ask(hub: Hub, method: str, id: str, call: str, body: object = None, who: str = "sto") -> Answer:
    path = f"/api/spaces/{id}/{call}"
    return hub.wire.ask(method, path, token=hub.token(who), json_body=body)


def new(hub: Hub, visibility: str = "public", owner: str = "sto", sdk: Sdk = Sdk.GRADIO) -> str:
    return str(hub.space(f"{owner}/s{next(_numbers)}", sdk, visibility).id)


@pytest.mark.req("4.5.3", "4.5.6", "8.2.17")
def test_a_tier_is_chosen_grows_never_shrinks_and_is_deleted(hub: Hub) -> None:
    id = new(hub)
    api = hub.api("sto")
    assert api.get_space_runtime(id).storage is None
    assert ask(hub, "DELETE", id, "storage").status == 400
    answer = ask(hub, "POST", id, "storage", {"tier": "small"})
    assert (answer.status, answer.json()["storage"]) == (200, "small")
    assert api.get_space_runtime(id).storage == "small"
    version = _version(hub, id)
    assert ask(hub, "POST", id, "storage", {"tier": "small"}).status == 200
    assert _version(hub, id) == version  # nothing changed: no restart
    assert ask(hub, "POST", id, "storage", {"tier": "large"}).json()["storage"] == "large"
    assert _version(hub, id) > version
    smaller = ask(hub, "POST", id, "storage", {"tier": "medium"})
    assert smaller.status == 400
    assert "has 1 TB and cannot become smaller" in smaller.error
    assert "delete the storage" in smaller.error
    assert "small, medium, large" in ask(hub, "POST", id, "storage", {"tier": "huge"}).error
    assert ask(hub, "DELETE", id, "storage").json()["storage"] is None
    assert ask(hub, "POST", id, "storage", {"tier": "small"}).json()["storage"] == "small"


def _version(hub: Hub, id: str) -> int:
    with hub.context.ledger.read() as tx:
        found = spaces.by_id(tx, spaces.SpaceId.parse(id))
    assert found is not None
    return found.settings_version


@pytest.mark.req("4.5.4")
def test_it_is_charged_by_the_month_until_it_is_deleted_and_to_whoever_owns_it(hub: Hub) -> None:
    id = new(hub)
    other = hub.user("sto-heir")
    ledger = hub.context.ledger

    def charged() -> list[tuple[str, int, str, bool]]:
        with ledger.read() as tx:
            found = usage.of_space(tx, key, EVER[0], EVER[1])
        return [(one.slug, one.price, one.owner_id, one.ended_at is None) for one in found]

    with ledger.read() as tx:
        space = spaces.by_id(tx, spaces.SpaceId.parse(id))
    assert space is not None
    key, owner = space.key, space.owner_id
    ask(hub, "POST", id, "storage", {"tier": "small"})
    ask(hub, "POST", id, "storage", {"tier": "medium"})
    assert charged() == [("small", 5_000_000, owner, False), ("medium", 25_000_000, owner, True)]
    volume = {"type": "bucket", "source": "sto/cache", "mountPath": "/cache"}
    ask(hub, "PUT", id, "volumes", {"volumes": [volume]})
    with ledger.write() as tx:
        moves.move(tx, space, other.id, space.id.name)
        moved = volumes.of_space(tx, key)
        assert moved is not None and moved.owner_id == other.id
        with pytest.raises(VolumeRefused, match="does not belong"):
            needs_of(tx, overview(tx, key), RepositorySources(hub.context))
    assert charged()[-1] == ("medium", 25_000_000, other.id, True)
    ask(hub, "DELETE", f"sto-heir/{space.id.name}", "storage", who="sto-heir")
    assert [row[-1] for row in charged()] == [False] * 3


@pytest.mark.req("4.5.7", "3.5.2")
def test_a_static_space_has_neither(hub: Hub) -> None:
    id = new(hub, sdk=Sdk.STATIC)
    api = hub.api("sto")
    assert ask(hub, "POST", id, "storage", {"tier": "small"}).status == 400
    with pytest.raises(BadRequestError, match="static"):
        api.set_space_volumes(id, [Volume(type="bucket", source="sto/b", mount_path="/b")])
    with pytest.raises(BadRequestError, match="static"):
        api.delete_space_volumes(id)


def test_the_client_sets_and_clears_volumes(hub: Hub) -> None:
    source, id = new(hub), new(hub)
    api = hub.api("sto")
    wanted = [
        Volume(type="space", source=source, mount_path="/models", revision="main", path="a/b"),
        Volume(type="bucket", source="sto/Cache", mount_path="/cache"),
        Volume(type="bucket", source="sto/cache", mount_path="/cache-ro", read_only=True),
    ]
    api.set_space_volumes(id, wanted)
    found = api.get_space_runtime(id).volumes
    assert found is not None
    assert [(one.type, one.source, one.mount_path, one.read_only) for one in found] == [
        ("space", source, "/models", True),
        ("bucket", "sto/cache", "/cache", False),
        ("bucket", "sto/cache", "/cache-ro", True),
    ]
    assert (found[0].revision, found[0].path) == ("main", "a/b")
    version = _version(hub, id)
    api.set_space_volumes(id, found)
    assert _version(hub, id) == version
    api.delete_space_volumes(id)
    assert api.get_space_runtime(id).volumes is None
    with pytest.raises(BadRequestError, match="no volumes"):
        api.delete_space_volumes(id)


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ({"type": "model", "source": "a/b", "mountPath": "/m"}, "keeps no models yet"),
        ({"type": "dataset", "source": "a/b", "mountPath": "/m"}, "keeps no datasets yet"),
        ({"type": "disk", "source": "a/b", "mountPath": "/m"}, "no volumes of the type"),
        ({"type": "space", "source": "sto/absent", "mountPath": "/m"}, "no Space"),
        ({"type": "space", "source": "x", "mountPath": "/m"}, "no Space"),
        ({"type": "bucket", "source": "other/b", "mountPath": "/m"}, "no bucket of sto"),
        ({"type": "bucket", "source": "b", "mountPath": "/m"}, "no bucket of sto"),
        ({"type": "bucket", "source": "sto/../x", "mountPath": "/m"}, ""),
        ({"type": "bucket", "source": "sto/b", "mountPath": "/m", "path": "x"}, "as a whole"),
        ({"type": "bucket", "source": "sto/b", "mountPath": "m"}, "absolute path"),
        ({"type": "bucket", "source": "sto/b", "mountPath": "/etc/x"}, "the app needs"),
        ({"type": "bucket", "source": "sto/b", "mountPath": "/data/x"}, "cover each other"),
    ],
)
def test_what_cannot_be_mounted_is_refused_in_words(
    hub: Hub, volume: dict[str, object], words: str
) -> None:
    hub.user("other")
    id = new(hub)
    ask(hub, "POST", id, "storage", {"tier": "small"})
    answer = ask(hub, "PUT", id, "volumes", {"volumes": [volume]})
    assert answer.status == 400 and words in answer.error
    assert "volumes" not in ask(hub, "GET", id, "runtime").json()


def test_a_repository_is_never_writable_and_places_do_not_cover_each_other(hub: Hub) -> None:
    source, id = new(hub), new(hub)
    volume = {"type": "space", "source": source, "mountPath": "/m"}
    answer = ask(hub, "PUT", id, "volumes", {"volumes": [{**volume, "readOnly": False}]})
    assert answer.status == 400 and "read-only" in answer.error
    nested = [volume, {**volume, "mountPath": "/m/n"}]
    answer = ask(hub, "PUT", id, "volumes", {"volumes": nested})
    assert answer.status == 400 and "cover each other" in answer.error
    many = [{**volume, "mountPath": f"/m{n}"} for n in range(21)]
    assert ask(hub, "PUT", id, "volumes", {"volumes": many}).status == 400


@pytest.mark.parametrize(
    "path", ["", "/", "data", "/a/../b", "/a//b", "/proc/x", "/home", "/home/user/app/x", "/tmp",
             "/a\nb", "/a:b", "/" + "a" * 300, "/dev", "/opt"],
)  # fmt: skip
def test_places_that_are_none(path: str) -> None:
    with pytest.raises(Invalid):
        check_mount_path(path)


def test_places() -> None:
    found = [check_mount_path(path) for path in ("/data/", "/home/user/models", "/opt/m", "/mnt/x")]
    assert found == ["/data", "/home/user/models", "/opt/m", "/mnt/x"]


@pytest.mark.req("API-01")
def test_a_source_that_may_not_be_read_is_refused_masked_and_asked_anew(hub: Hub) -> None:
    source = new(hub, "private", owner="sto-owner")
    id = new(hub, owner="sto-owner")
    stranger = new(hub)
    volume = {"volumes": [{"type": "space", "source": source, "mountPath": "/m", "path": "p"}]}
    refused = ask(hub, "PUT", stranger, "volumes", volume)
    absent = {"volumes": [{"type": "space", "source": "sto-owner/absent", "mountPath": "/m"}]}
    assert refused.status == 400
    assert refused.error.replace(source, "X") == ask(
        hub, "PUT", stranger, "volumes", absent
    ).error.replace("sto-owner/absent", "X")

    assert ask(hub, "PUT", id, "volumes", volume, who="sto-owner").status == 200
    (seen,) = ask(hub, "GET", id, "runtime", who="sto-owner").json()["volumes"]
    assert seen["source"] == source
    (masked,) = ask(hub, "GET", id, "runtime").json()["volumes"]
    assert masked == {"type": "space", "source": "hidden", "mountPath": "/m", "readOnly": True}
    info = hub.wire.get(f"/api/spaces/{id}", token=hub.token("sto"))
    assert source not in str(info.json())

    with hub.context.ledger.write() as tx:
        key = spaces.by_id(tx, spaces.SpaceId.parse(id)).key  # type: ignore[union-attr]
        needs = needs_of(tx, overview(tx, key), RepositorySources(hub.context))
        assert [share.path for share in needs.shares] == ["p"]
        private = spaces.by_id(tx, spaces.SpaceId.parse(source))
        assert private is not None
        spaces.mark_deleted(tx, private.key)
        with pytest.raises(VolumeRefused, match="does not exist, or") as error:
            needs_of(tx, overview(tx, key), RepositorySources(hub.context))
        assert source not in str(error.value)


def test_a_revision_is_laid_out_whole_with_its_large_files_linked(hub: Hub) -> None:
    id = new(hub)
    api = hub.api("sto")
    large = b"x" * (11 << 20)
    api.create_commit(
        id,
        [CommitOperationAdd("m/weights.bin", large), CommitOperationAdd("m/a.txt", b"first")],
        commit_message="files",
        repo_type="space",
    )
    sources = RepositorySources(hub.context)
    with hub.context.ledger.read() as tx:
        key = spaces.by_id(tx, spaces.SpaceId.parse(id)).key  # type: ignore[union-attr]
    commit = sources.commit(key, None)
    assert sources.commit(key, "main") == commit
    with pytest.raises(NotFound):
        sources.commit(key, "absent")
    folder = volumes.held_share(key, commit)
    sources.lay_out(key, commit, folder)
    sources.lay_out(key, commit, folder)  # twice is once
    place: Path = hub.context.data / folder
    assert (place / "m/a.txt").read_bytes() == b"first"
    assert (place / "m/weights.bin").stat().st_size == len(large)
    assert (place / "m/weights.bin").stat().st_nlink > 1
    assert sorted(entry.name for entry in place.parent.iterdir()) == [commit]


@pytest.mark.req("6.7", "6.14")
def test_a_new_space_and_a_copy_may_have_storage_from_the_start(hub: Hub) -> None:
    id = new(hub)
    ask(hub, "POST", id, "storage", {"tier": "medium"})
    token = hub.token("sto-copy")
    body = {"repository": "sto-copy/with", "storageTier": "small",
            "volumes": [{"type": "bucket", "source": "sto-copy/b", "mountPath": "/b"}]}  # fmt: skip
    path = f"/api/spaces/{id}/duplicate"
    assert hub.wire.ask("POST", path, token=token, json_body=body).status == 200
    found = ask(hub, "GET", "sto-copy/with", "runtime", who="sto-copy").json()
    assert (found["storage"], found["volumes"][0]["source"]) == ("small", "sto-copy/b")
    body = {"repository": "sto-copy/without"}
    assert hub.wire.ask("POST", path, token=token, json_body=body).status == 200
    found = ask(hub, "GET", "sto-copy/without", "runtime", who="sto-copy").json()
    assert found["storage"] is None and "volumes" not in found

    made = {"type": "space", "name": "made", "sdk": "gradio", "storageTier": "small"}
    answer = hub.wire.ask("POST", "/api/repos/create", token=token, json_body=made)
    assert answer.status == 200
    assert ask(hub, "GET", "sto-copy/made", "runtime", who="sto-copy").json()["storage"] == "small"
    bad = {**made, "name": "bad", "storageTier": "huge"}
    answer = hub.wire.ask("POST", "/api/repos/create", token=token, json_body=bad)
    assert answer.status == 400
    assert ask(hub, "GET", "sto-copy/bad", "runtime", who="sto-copy").status == 404
