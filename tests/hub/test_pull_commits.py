"""Commits that become pull requests, or go to one, by the real client (hub-api 6.3)."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RevisionNotFoundError

from spaceport.ledger import discussion_entries, discussions
from spaceport.ledger.discussion_entries import EntryKind
from spaceport.ledger.discussions import Status
from spaceport.push import MAIN
from tests.hub.conftest import Hub
from tests.hub.pulling import actions, by, opened, present, ref
from tests.hub.wire import Answer


def of(id: str) -> dict[str, str]:
    return {"repo_id": id, "repo_type": "space"}


def files(*names: str) -> list[CommitOperationAdd]:
    return [CommitOperationAdd(name, b"x") for name in names]


def commit(hub: Hub, id: str, token: str) -> Answer:
    """What is said to a proposal before its body is looked at."""
    path = f"/api/spaces/{id}/commit/main?create_pr=1"
    return hub.wire.ask("POST", path, body=b"", token=token)


def test_a_reader_proposes_a_file(hub: Hub, tmp_path: Path) -> None:
    space, api = hub.space("quinn/proposed"), hub.api("quentin")
    main = ref(hub, space, MAIN)
    done = api.upload_file(
        path_or_fileobj=b"hello\n", path_in_repo="a/hello.txt", create_pr=True,
        commit_message="Say hello", commit_description="It is *kind*.", **of("quinn/proposed"),
    )  # fmt: skip
    assert done.pr_url == f"{hub.url}/spaces/quinn/proposed/discussions/1"
    assert (done.pr_num, done.pr_revision) == (1, "refs/pr/1")
    found = present(hub, space, 1)
    assert (found.status, found.title, found.author) == (Status.OPEN, "Say hello", "quentin")
    assert (found.head, found.base, found.trusted) == (done.oid, MAIN, False)
    with hub.context.ledger.read() as tx:
        told = discussion_entries.of(tx, space.key, 1)
    assert [(each.kind, each.text or each.detail["oid"]) for each in told] == [
        (EntryKind.COMMENT, "It is *kind*."), (EntryKind.COMMIT, done.oid),
    ]  # fmt: skip
    assert ref(hub, space, MAIN) == main
    file = api.hf_hub_download(
        filename="a/hello.txt", revision="refs/pr/1", cache_dir=tmp_path, **of("quinn/proposed")
    )
    assert Path(file).read_bytes() == b"hello\n"
    folder = api.snapshot_download(revision="refs/pr/1", cache_dir=tmp_path, **of("quinn/proposed"))
    assert (Path(folder) / "a/hello.txt").read_bytes() == b"hello\n"
    info = api.space_info("quinn/proposed", revision="refs/pr/1")
    assert info.sha == done.oid
    refs = api.list_repo_refs(include_pull_requests=True, **of("quinn/proposed"))
    assert [(each.ref, each.target_commit) for each in refs.pull_requests or []] == [
        ("refs/pr/1", done.oid)
    ]
    assert api.list_repo_refs(**of("quinn/proposed")).pull_requests is None
    assert [each.name for each in refs.branches] == ["main"]


def test_more_commits_go_to_it_and_it_can_be_squashed(hub: Hub) -> None:
    space, api = hub.space("quadir/proposed"), hub.api("queenie")
    first = api.create_commit(
        operations=files("0.txt", "1.txt", "2.txt"),
        commit_message="Three",
        create_pr=True,
        **of("quadir/proposed"),
    )
    delete = [CommitOperationDelete("2.txt"), CommitOperationAdd("3.txt", b"3")]
    second = api.create_commit(
        operations=delete, commit_message="Swap", revision="refs/pr/1",
        parent_commit=first.oid, **of("quadir/proposed"),
    )  # fmt: skip
    assert second.pr_url is None
    assert present(hub, space, 1).head == second.oid == ref(hub, space, "refs/pr/1")
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit(
            operations=files("late.txt"), commit_message="Stale", revision="refs/pr/1",
            parent_commit=first.oid, **of("quadir/proposed"),
        )  # fmt: skip
    api.super_squash_history(branch="refs/pr/1", commit_message="In one", **of("quadir/proposed"))
    now = present(hub, space, 1)
    (only,) = actions(hub).shown.commits(now)
    assert (only.title, only.oid, only.parents) == ("In one", now.head, (ref(hub, space, MAIN),))
    hub.run(actions(hub).merge(by(hub, "quadir"), space, 1))
    names = set(api.list_repo_files(**of("quadir/proposed")))
    assert {"0.txt", "1.txt", "3.txt"} <= names and "2.txt" not in names
    with pytest.raises(HfHubHTTPError, match="is merged"):
        api.create_commit(
            operations=files("late.txt"),
            commit_message="Late",
            revision="refs/pr/1",
            **of("quadir/proposed"),
        )


def test_who_may_commit_to_what(hub: Hub) -> None:
    space = hub.space("quito/proposed")
    opened(hub, "quim", space)
    author, other, keeper = (hub.api(name) for name in ("quim", "qasim", "quito"))
    for api, revision in ((other, "refs/pr/1"), (author, "main"), (other, "refs/heads/main")):
        with pytest.raises(HfHubHTTPError, match="403"):
            api.create_commit(
                operations=files("x.txt"),
                commit_message="x",
                revision=revision,
                **of("quito/proposed"),
            )
    for api in (author, keeper):
        with pytest.raises(RevisionNotFoundError):
            api.create_commit(
                operations=files("x.txt"),
                commit_message="x",
                revision="refs/pr/9",
                **of("quito/proposed"),
            )
    author.create_commit(
        operations=files("x.txt"), commit_message="x", revision="refs/pr/1", **of("quito/proposed")
    )
    assert not present(hub, space, 1).trusted
    keeper.create_commit(
        operations=[CommitOperationAdd("y.txt", b"y")], commit_message="y",
        revision="refs/pr/1", **of("quito/proposed"),
    )  # fmt: skip
    assert present(hub, space, 1).trusted
    assert commit(hub, "quito/proposed", "").status == 401
    assert commit(hub, "quito/proposed", hub.token("quim", "read")).status == 403
    with hub.context.ledger.read() as tx:
        assert discussions.count(tx, space.key) == 1
    hub.space("quito/closed", visibility="private")
    assert commit(hub, "quito/closed", hub.token("quim")).status == 404


def test_what_is_refused_leaves_no_pull_request(hub: Hub) -> None:
    space, api = hub.space("qadr/proposed"), hub.api("qiu")
    with pytest.raises(EntryNotFoundError):
        api.create_commit(
            operations=[CommitOperationDelete("no-such.txt")], commit_message="x", create_pr=True,
            **of("qadr/proposed"),
        )  # fmt: skip
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 9\n"
    with pytest.raises(HfHubHTTPError, match="422"):  # by the checks of a push
        api.create_commit(
            operations=[CommitOperationAdd("lost.txt", pointer.encode())],
            commit_message="x", create_pr=True, **of("qadr/proposed"),
        )  # fmt: skip
    assert ref(hub, space, "refs/pr/1") is None
    with hub.context.ledger.read() as tx:
        assert discussions.count(tx, space.key) == 0
    with pytest.raises(RevisionNotFoundError):
        api.create_commit(
            operations=[CommitOperationAdd("x", b"x")], commit_message="x", create_pr=True,
            revision="no-such", **of("qadr/proposed"),
        )  # fmt: skip


def test_it_begins_at_the_parent_that_is_named(hub: Hub) -> None:
    space, keeper = hub.space("qiang/proposed"), hub.api("qiang")
    first = ref(hub, space, MAIN)
    keeper.upload_file(path_or_fileobj=b"1", path_in_repo="one", **of("qiang/proposed"))
    done = hub.api("quin").create_commit(
        operations=[CommitOperationAdd("two", b"2")], commit_message="Two", create_pr=True,
        parent_commit=first, **of("qiang/proposed"),
    )  # fmt: skip
    assert hub.context.content.commit(space.key, done.oid).parents == (first,)
    assert actions(hub).shown.outlook(present(hub, space, 1)).mergeable
    long = "A title that is too long. " * 20
    hub.api("quin").create_commit(
        operations=[CommitOperationAdd("three", b"3")], commit_message=long, create_pr=True,
        **of("qiang/proposed"),
    )  # fmt: skip
    assert present(hub, space, 2).title == long[:197] + "..."
