"""Branches and tags by the real client, and what it would be told (hub-api 5.5)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RevisionNotFoundError

from spaceport.ledger import spaces
from tests.hub.conftest import Hub
from tests.hub.wire import Answer


def names(hub: Hub, id: str) -> tuple[dict[str, str], dict[str, str]]:
    """Branches and tags, with the commits that they lead to."""
    found = hub.wire.get(f"/api/spaces/{id}/refs").json()
    branches, tags = (
        {each["name"]: each["targetCommit"] for each in found[kind]}
        for kind in ("branches", "tags")
    )
    return branches, tags


def test_branches_come_and_go(hub: Hub) -> None:
    api, id = hub.api("berta"), "berta/demo"
    hub.space(id)
    space = {"repo_id": id, "repo_type": "space"}
    start = api.space_info(id).sha
    api.upload_file(path_or_fileobj=b"1", path_in_repo="one", **space)  # type: ignore[arg-type]
    head = api.space_info(id).sha
    api.create_branch(branch="from-main", **space)
    api.create_branch(branch="a/b", revision=start, **space)
    api.create_branch(branch="short", revision=(start or "")[:7], **space)
    assert names(hub, id)[0] == {"main": head, "from-main": head, "a/b": start, "short": start}
    with pytest.raises(HfHubHTTPError, match="Reference refs/heads/a/b already exists") as told:
        api.create_branch(branch="a/b", **space)
    assert told.value.response.status_code == 409
    api.create_branch(branch="a/b", exist_ok=True, **space)
    with pytest.raises(RevisionNotFoundError):
        api.create_branch(branch="nowhere", revision="no-such", **space)
    for bad in ("refs/pr/5", "refs/foo/bar", "a..b", "-x", "x.lock", "a", "a/b/c"):
        with pytest.raises(BadRequestError):  # also where `a/b` is in the way, which is no conflict
            api.create_branch(branch=bad, exist_ok=True, **space)
    api.delete_branch(branch="a/b", **space)
    api.create_branch(branch="a", **space)
    with pytest.raises(RevisionNotFoundError, match="Invalid rev id"):
        api.delete_branch(branch="a/b", **space)
    with pytest.raises(HfHubHTTPError, match="Cannot delete refs/heads/main"):
        api.delete_branch(branch="main", **space)
    assert names(hub, id)[0] == {"main": head, "from-main": head, "a": head, "short": start}


def test_tags_come_and_go(hub: Hub, tmp_path: Path) -> None:
    api, id = hub.api("bruno"), "bruno/demo"
    hub.space(id)
    space = {"repo_id": id, "repo_type": "space"}
    head = api.space_info(id).sha
    api.create_tag(tag="v1", **space)
    api.create_tag(tag="v2", tag_message="The second.\n", revision=head, **space)
    api.create_branch(branch="v2", **space)  # no conflict with a tag of that name
    assert names(hub, id) == ({"main": head, "v2": head}, {"v1": head, "v2": head})
    remote = f"http://any:{hub.token('bruno')}@localhost:{hub.port}/spaces/{id}"
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", remote, clone], check=True)
    said = subprocess.run(
        ["git", "for-each-ref", "--format=%(objecttype) %(taggername) %(contents)", "refs/tags"],
        cwd=clone, capture_output=True, text=True, check=True,
    )  # fmt: skip
    kinds = [line for line in said.stdout.splitlines() if line]
    assert kinds[0].startswith("commit ") and kinds[-1] == "tag bruno The second."
    for more in ({}, {"tag_message": "again"}):
        with pytest.raises(HfHubHTTPError, match="refs/tags/v1 already exists"):
            api.create_tag(tag="v1", **more, **space)
    api.create_tag(tag="v1", exist_ok=True, **space)
    with pytest.raises(RevisionNotFoundError):
        api.create_tag(tag="v3", revision="no-such", **space)
    with pytest.raises(BadRequestError, match="cannot be the name of a tag"):
        api.create_tag(tag="no good", **space)
    api.delete_tag(tag="v2", **space)
    for gone in ("v2", "main"):
        with pytest.raises(RevisionNotFoundError):
            api.delete_tag(tag=gone, **space)
    with pytest.raises(RevisionNotFoundError):
        api.delete_branch(branch="v1", **space)
    assert names(hub, id) == ({"main": head, "v2": head}, {"v1": head})


def test_who_reads_makes_no_branch(hub: Hub) -> None:
    hub.space("birgit/demo")
    stranger = hub.api("stranger")
    space = {"repo_id": "birgit/demo", "repo_type": "space"}
    with pytest.raises(HfHubHTTPError, match="403"):
        stranger.create_branch(branch="x", exist_ok=True, **space)
    hub.api("birgit").create_branch(branch="x", **space)
    stranger.create_branch(branch="x", exist_ok=True, **space)  # there already, so it is content
    with pytest.raises(HfHubHTTPError, match="403"):
        stranger.delete_branch(branch="x", **space)


def test_a_squashed_branch_has_its_files_and_no_past(hub: Hub) -> None:
    api, id = hub.api("bodo"), "bodo/demo"
    space = hub.space(id)
    of = {"repo_id": id, "repo_type": "space"}
    api.upload_file(path_or_fileobj=b"1", path_in_repo="one", **of)  # type: ignore[arg-type]
    api.create_branch(branch="kept", **of)
    files = api.list_repo_files(**of)
    api.super_squash_history(commit_message="All at once", **of)
    (only,) = api.list_repo_commits(**of)
    assert (only.title, only.authors) == ("All at once", ["bodo"])
    assert api.list_repo_files(**of) == files
    assert len(api.list_repo_commits(revision="kept", **of)) == 2
    with hub.context.ledger.read() as tx:
        assert spaces.get(tx, space.key).head == only.commit_id
    api.super_squash_history(branch="kept", **of)
    (other,) = api.list_repo_commits(revision="kept", **of)
    assert other.title == "Super-squash branch 'kept' using huggingface_hub"
    with pytest.raises(RevisionNotFoundError):
        api.super_squash_history(branch="no-such", **of)


def test_of_many_at_once_one_makes_the_branch(hub: Hub) -> None:
    hub.space("boris/demo")
    token = hub.token("boris")
    answers: list[Answer] = []

    def one() -> None:
        path = "/api/spaces/boris/demo/branch/race"
        answers.append(hub.wire.ask("POST", path, token=token, json_body={}))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status for answer in answers) == [200, *[409] * 5]


def test_hf_upload_makes_the_branch_that_it_needs(hub: Hub, tmp_path: Path) -> None:
    id = "bella/made-by-upload"
    token = hub.token("bella")
    (tmp_path / "app.py").write_text("print()\n")
    command = [Path(sys.executable).with_name("hf"), "upload", id, tmp_path / "app.py", "app.py"]
    environment = {
        **os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": token, "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    }  # fmt: skip
    done = subprocess.run(
        [*command, "--repo-type", "space", "--revision", "new"],
        env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    branches, _ = names(hub, id)
    assert set(branches) == {"main", "new"} and branches["main"] != branches["new"]
    assert hub.wire.get(f"/spaces/{id}/resolve/new/app.py").body == b"print()\n"
    assert hub.wire.get(f"/spaces/{id}/resolve/main/app.py").status == 404
