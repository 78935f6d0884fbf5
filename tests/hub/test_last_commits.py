"""The last commit of each entry of a tree, as the real client asks for it (hub-api 5.1, 5.2)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from huggingface_hub.hf_api import RepoFile, RepoFolder

from tests.hub.conftest import Hub


def test_the_last_commit_of_each_entry(hub: Hub) -> None:
    api = hub.api("kurt")
    hub.space("kurt/demo")
    space = {"repo_id": "kurt/demo", "repo_type": "space"}
    made = {"README.md": "initial commit", ".gitattributes": "initial commit"}
    for title, path in (("one", "d/a"), ("two", "d/e/b"), ("three", "c"), ("four", "d/a")):
        data = title.encode()
        api.upload_file(
            path_or_fileobj=data,
            path_in_repo=path,
            commit_message=title,
            **space,  # type: ignore[arg-type]
        )
        made |= {path: title, "d" if path[0] == "d" else "c": title}
    made["d/e"] = "two"

    def titles(entries: Iterable[RepoFile | RepoFolder]) -> dict[str, str]:
        return {each.path: each.last_commit.title for each in entries if each.last_commit}

    listed = list(api.list_repo_tree(**space, recursive=True, expand=True))  # type: ignore[arg-type]
    assert titles(listed) == made
    commits = {each.title: each for each in api.list_repo_commits(**space)}  # type: ignore[arg-type]
    for each in listed:
        assert each.last_commit is not None
        assert each.last_commit.oid == commits[each.last_commit.title].commit_id
        assert each.last_commit.date == commits[each.last_commit.title].created_at
    paths = api.get_paths_info(paths=["d/e", "d/a", "gone"], expand=True, **space)  # type: ignore[arg-type]
    assert titles(paths) == {"d/e": "two", "d/a": "four"}
    plain = list(api.list_repo_tree(**space))  # type: ignore[arg-type]
    assert titles(plain) == {} and len(plain) == 4


def test_a_commit_of_the_far_future_can_be_listed(hub: Hub, tmp_path: Path) -> None:
    hub.space("klio/demo")
    remote = f"http://any:{hub.token('klio')}@localhost:{hub.port}/spaces/klio/demo"
    late = {**os.environ, "GIT_AUTHOR_DATE": f"@{1 << 40} +0000"}
    identity = ("-c", "user.name=k", "-c", "user.email=k@example.org")
    for words in (
        ("clone", "-q", remote, "."),
        (*identity, "mv", "README.md", "README"),
        (*identity, "commit", "-q", "-m", "late"),
        ("push", "-q", "origin", "HEAD:late"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, env=late, check=True)
    tree = hub.wire.get("/api/spaces/klio/demo/tree/late?expand=true").json()
    dates = {each["path"]: each["lastCommit"]["date"] for each in tree}
    assert dates["README"] == "9999-12-31T23:59:59.000Z"
    assert hub.wire.get("/api/spaces/klio/demo/commits/late").status == 200
