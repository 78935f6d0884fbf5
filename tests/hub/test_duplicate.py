"""Copies of Spaces with the real client: what follows, what never does, and who may."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from hub.duplicate_space import Copy, duplicate_space
from hub.janitor import Janitor
from spaceport.actor import SYSTEM
from spaceport.ledger import accounts, large, memberships, secrets, spaces
from spaceport.ledger.spaces import Space, Visibility
from spaceport.names import SpaceId
from spaceport.roles import OrgRole
from tests.hub.conftest import Hub, make_context
from tests.hub.test_canaries import found_in
from tests.hub.wire import Wire

SECRET = "canary-duplicate-2c7a"


def source(hub: Hub, id: str = "dup/demo", visibility: str = "public") -> None:
    """A Space with two commits, a variable with a description, and a secret."""
    hub.space(id, visibility=visibility)
    api = hub.api(id.split("/")[0])
    add = CommitOperationAdd("app.py", b"print('hello')\n")
    api.create_commit(id, [add], commit_message="the app", repo_type="space")
    api.add_space_variable(id, "A", "1", description="first")
    api.add_space_variable(id, "B", "2\nlines")
    api.add_space_secret(id, "C", SECRET, description="a key of yours")


def row(hub: Hub, id: str) -> Space:
    with hub.context.ledger.read() as tx:
        found = spaces.by_id(tx, SpaceId.parse(id))
    assert found is not None
    return found


@pytest.mark.req("API-32")
def test_the_client_copies_history_and_variables_and_no_secret(hub: Hub) -> None:
    source(hub)
    api = hub.api("dupe")
    url = api.duplicate_repo("dup/demo", repo_type="space")
    assert (url.repo_id, url.repo_type, url.files_copy_pending) == ("dupe/demo", "space", False)
    assert str(url) == f"{hub.url}/spaces/dupe/demo"
    owner = hub.api("dup")
    wanted = [commit.commit_id for commit in owner.list_repo_commits("dup/demo", repo_type="space")]
    found = [commit.commit_id for commit in api.list_repo_commits("dupe/demo", repo_type="space")]
    assert found == wanted and len(found) == 2
    values = api.get_space_variables("dupe/demo")
    assert {name: (each.value, each.description) for name, each in values.items()} == {
        "A": ("1", "first"),
        "B": ("2\nlines", ""),
    }
    copy, original = row(hub, "dupe/demo"), row(hub, "dup/demo")
    with hub.context.ledger.read() as tx:
        assert secrets.versions(tx, copy.key) == {}
    assert copy.visibility is Visibility.PRIVATE  # S36
    assert (copy.flavor, copy.head, copy.card) == ("cpu-basic", original.head, original.card)
    assert copy.host_label == "dupe-demo"
    assert copy.creator_id == copy.owner_id != original.owner_id
    info = api.space_info("dupe/demo")
    assert info.__dict__["originSpace"] == {
        "_id": original.key,
        "authorId": original.owner_id,
        "name": "dup/demo",
    }
    assert "originSpace" not in owner.space_info("dup/demo").__dict__


def test_what_is_asked_for_is_set(hub: Hub) -> None:
    source(hub, "dup/full")
    api = hub.api("dupe-full")
    api.duplicate_repo(
        "dup/full",
        "dupe-full/mine",
        repo_type="space",
        visibility="public",
        space_hardware="cpu-upgrade",  # type: ignore[arg-type]
        space_sleep_time=3600,
        space_variables=[{"key": "B", "value": "3"}, {"key": "D", "value": "4"}],
        space_secrets=[{"key": "C", "value": "my own"}, {"key": "EMPTY", "value": ""}],
    )
    copy = row(hub, "dupe-full/mine")
    values = api.get_space_variables("dupe-full/mine")
    assert {name: each.value for name, each in values.items()} == {"A": "1", "B": "3", "D": "4"}
    with hub.context.ledger.read() as tx:
        assert secrets.reveal(tx, hub.context.keyring, copy.key) == {"C": "my own"}
    assert (copy.visibility, copy.flavor, copy.sleep_seconds) == (
        Visibility.PUBLIC,
        "cpu-upgrade",
        3600,
    )
    api.request_space_hardware("dupe-full/mine", "cpu-basic")  # type: ignore[arg-type]
    assert row(hub, "dup/full").flavor == "cpu-basic"
    api.delete_repo("dupe-full/mine", repo_type="space")
    assert hub.api("dup").space_info("dup/full").sha


def test_a_name_that_is_taken(hub: Hub) -> None:
    source(hub, "dup/taken")
    hub.space("dupe-taken/here")
    api = hub.api("dupe-taken")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.duplicate_repo("dup/taken", "dupe-taken/here", repo_type="space")
    same = api.duplicate_repo("dup/taken", "dupe-taken/HERE", repo_type="space", exist_ok=True)
    assert same.repo_id == "dupe-taken/here"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"space_hardware": "t4-small"}, "no Nvidia T4"),
        ({"space_hardware": "no-such"}, "no-such"),
        ({"space_sleep_time": 5}, "60 seconds"),
        ({"space_variables": [{"key": "1", "value": ""}]}, "name of a variable"),
        ({"space_secrets": [{"key": "PORT", "value": "x"}]}, "set by Spaceport"),
    ],
)
def test_a_bad_wish_is_named_and_leaves_nothing(
    hub: Hub, more: dict[str, object], words: str
) -> None:
    if hub.wire.get("/api/spaces/dup/bad").status != 200:
        source(hub, "dup/bad")
    api = hub.api("dupe-bad")
    before = set(hub.context.repositories.keys())
    with pytest.raises(HfHubHTTPError, match=words):
        api.duplicate_repo(
            "dup/bad",
            **{"to_id": "dupe-bad/x", "repo_type": "space", **more},  # type: ignore
        )
    assert not api.repo_exists("dupe-bad/x", repo_type="space")
    assert set(hub.context.repositories.keys()) == before


def test_storage_and_volumes_that_cannot_be_had_are_refused_in_words(hub: Hub) -> None:
    source(hub, "dup/disk")
    token = hub.token("dupe-disk")
    for more, words in (
        ({"storageTier": "huge"}, "no storage tier"),
        (
            {"volumes": [{"type": "model", "source": "a/b", "mountPath": "/m"}]},
            "keeps no models yet",
        ),
    ):
        body = {"repository": "dupe-disk/x", **more}
        path = "/api/spaces/dup/disk/duplicate"
        answer = hub.wire.ask("POST", path, token=token, json_body=body)
        assert (answer.status, words in answer.error) == (400, True)


@pytest.mark.req("API-32")
def test_only_who_may_read_the_source_and_create_there(hub: Hub) -> None:
    source(hub, "dup/closed", "private")
    source(hub, "dup/half", "protected")
    source(hub, "dup/open")
    api = hub.api("dupe-who")
    for id in ("dup/closed", "dup/half", "dup/absent"):
        with pytest.raises(RepositoryNotFoundError):
            api.duplicate_repo(id, "dupe-who/x", repo_type="space")
    with pytest.raises(HfHubHTTPError, match="403"):
        api.duplicate_repo("dup/open", "dup/not-mine", repo_type="space")
    path, body = "/api/spaces/dup/open/duplicate", {"repository": "dupe-who/x"}
    assert hub.wire.ask("POST", path, json_body=body).status == 401
    reads = hub.token("dupe-who", "read")
    assert hub.wire.ask("POST", path, token=reads, json_body=body).status == 403
    with hub.context.ledger.write() as tx:
        lab = accounts.create_org(tx, "dup-lab")
        memberships.set_role(tx, lab, accounts.user(tx, "dupe-who"), OrgRole.WRITE)
    assert api.duplicate_repo("dup/open", "dup-lab/x", repo_type="space").repo_id == "dup-lab/x"
    # An origin that a reader of the copy may not see is not told.
    hub.api("dup").update_repo_settings("dup/open", repo_type="space", visibility="private")
    assert "originSpace" not in api.space_info("dup-lab/x").__dict__


def test_an_author_may_allow_no_copies(hub: Hub) -> None:
    source(hub, "dup/unique")
    keeper = hub.token("dup")
    put = ("PUT", "/api/spaces/dup/unique/settings")
    answer = hub.wire.ask(*put, token=keeper, json_body={"duplicationDisabled": True})
    assert answer.status == 200
    api = hub.api("dupe-unique")
    with pytest.raises(HfHubHTTPError, match="403") as refused:
        api.duplicate_repo("dup/unique", repo_type="space")
    assert "does not allow copies" in str(refused.value)
    mine = hub.api("dup").duplicate_repo("dup/unique", "dup/second", repo_type="space")
    assert mine.repo_id == "dup/second"
    hub.wire.ask(*put, token=keeper, json_body={"duplicationDisabled": False})
    assert api.duplicate_repo("dup/unique", repo_type="space").repo_id == "dupe-unique/unique"


@pytest.mark.req("LFS-04")
def test_large_files_follow_without_their_bytes_and_only_those_that_are_named(
    hub: Hub, tmp_path: Path
) -> None:
    source(hub, "dup/large")
    content = bytes(range(256)) * 4000
    hub.api("dup").upload_file(
        path_or_fileobj=content, path_in_repo="w.bin", repo_id="dup/large", repo_type="space"
    )
    original, objects = row(hub, "dup/large"), hub.context.large
    other = b"taken back"
    unnamed = hashlib.sha256(other).hexdigest()
    objects.put(original.key, None, unnamed, len(other), [other])
    stored = {each.oid for each in objects.store.listed()}
    api = hub.api("dupe-large")
    api.duplicate_repo("dup/large", repo_type="space")
    with hub.context.ledger.read() as tx:
        held = large.held(tx, row(hub, "dupe-large/large").key)
        assert held.keys() == large.held(tx, original.key).keys() - {unnamed}
    assert list(held) == [hashlib.sha256(content).hexdigest()]
    assert {each.oid for each in objects.store.listed()} == stored
    hub.api("dup").delete_repo("dup/large", repo_type="space")
    got = api.hf_hub_download("dupe-large/large", "w.bin", repo_type="space", local_dir=tmp_path)
    assert Path(got).read_bytes() == content


@pytest.mark.req("API-29")
def test_of_many_who_copy_to_one_name_one_does(hub: Hub) -> None:
    source(hub, "dup/race")
    token, answers = hub.token("dupe-race"), list[int]()
    body = {"repository": "dupe-race/one"}

    def copy() -> None:
        path = "/api/spaces/dup/race/duplicate"
        answers.append(Wire(hub.port).ask("POST", path, token=token, json_body=body).status)

    before = set(hub.context.repositories.keys())
    threads = [threading.Thread(target=copy) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409, 409, 409]
    assert len(set(hub.context.repositories.keys()) - before) == 1


@pytest.mark.req("API-32")
@pytest.mark.req("KEY-03")
def test_no_value_of_a_secret_is_anywhere_after_a_copy(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    source(hub, "dup/canary")
    token, given = hub.token("dupe-canary"), "canary-given-91f0"
    body = {"repository": "dupe-canary/x", "secrets": [{"key": "OWN", "value": given}]}
    path = "/api/spaces/dup/canary/duplicate"
    first = hub.wire.ask("POST", path, token=token, json_body=body)
    again = hub.wire.ask("POST", path, token=token, json_body=body)
    body = {"repository": "dupe-canary/y", "secrets": [{"key": "1", "value": given}]}
    refused = hub.wire.ask("POST", path, token=token, json_body=body)
    assert (first.status, again.status, refused.status) == (200, 409, 400)
    copy = row(hub, "dupe-canary/x")
    with hub.context.ledger.read() as tx:
        assert secrets.reveal(tx, hub.context.keyring, copy.key) == {"OWN": given}
    seen = [answer.body.decode() + str(answer.headers) for answer in (first, again, refused)]
    for path in ("", "/secrets", "/variables", "/releases"):
        seen.append(hub.wire.get(f"/api/spaces/dupe-canary/x{path}", token=token).body.decode())
    for word in (SECRET, given):
        assert not [text for text in seen if word in text]
        assert word not in caplog.text
        assert not found_in(hub.context.data, word)


KILLED = """
import sys
from pathlib import Path
from hub.duplicate_space import Copy, duplicate_space
from spaceport.actor import SYSTEM
from spaceport.names import SpaceId
from tests.hub.conftest import make_context
context = make_context(Path(sys.argv[1]), 8080)
duplicate_space(context, SYSTEM, SpaceId("ada", "demo"), Copy("ada", "copy"))
"""


@pytest.mark.req("DUR-07")
@pytest.mark.parametrize(
    ("point", "there"),
    [("copy:after-repository", False), ("copy:after-ledger", True)],
)
def test_killed_on_the_way_a_copy_is_there_whole_or_not_at_all(
    tmp_path: Path, point: str, there: bool
) -> None:
    context = make_context(tmp_path / "data", 8080)
    try:
        hub = Hub(context, 0)
        hub.space("ada/demo")
        ran = subprocess.run(
            [sys.executable, "-c", KILLED, str(context.data)],
            env={"SPACEPORT_FAILPOINTS": f"{point}=exit", "PATH": "/usr/bin:/bin"},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            timeout=60,
        )
        assert ran.returncode == 137, ran.stderr
        Janitor(context).sweep()
        with context.ledger.read() as tx:
            known = set(spaces.keys(tx))
            assert (spaces.by_id(tx, SpaceId("ada", "copy")) is not None) is there
        assert set(context.repositories.keys()) == known
        if not there:
            duplicate_space(context, SYSTEM, SpaceId("ada", "demo"), Copy("ada", "copy"))
    finally:
        context.pools.close()
        context.ledger.close()


def test_a_copy_lives_on_when_its_source_is_gone(hub: Hub) -> None:
    source(hub, "dup/leaving")
    api = hub.api("dupe-left")
    api.duplicate_repo("dup/leaving", repo_type="space")
    hub.api("dup").delete_repo("dup/leaving", repo_type="space")
    told = api.space_info("dupe-left/leaving").__dict__["originSpace"]
    assert told["name"] == "dup/leaving"
    assert "app.py" in api.list_repo_files("dupe-left/leaving", repo_type="space")
