"""Uploads of the real client, and the commit call by hand."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError

from hub.api.blob_id import blob_id
from spaceport.ledger import spaces
from tests.hub.conftest import Hub
from tests.hub.wire import Answer


def commit(hub: Hub, id: str, token: str, *lines: Any, rev: str = "main", **header: Any) -> Answer:
    first = {"key": "header", "value": {"summary": "A change", **header}}
    body = "\n".join(json.dumps(line) for line in (first, *lines))
    return hub.wire.ask(
        "POST",
        f"/api/spaces/{id}/commit/{rev}",
        token=token,
        body=body.encode(),
        headers={"Content-Type": "application/x-ndjson"},
    )


def add(path: str, data: bytes = b"x\n") -> dict[str, Any]:
    content = base64.b64encode(data).decode()
    return {"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}}


def delete(path: str, key: str = "deletedFile") -> dict[str, Any]:
    return {"key": key, "value": {"path": path}}


def paths(hub: Hub, id: str) -> set[str]:
    return {entry["path"] for entry in hub.wire.get(f"/api/spaces/{id}/tree/main").json()}


def test_files_and_folders_of_the_real_client(hub: Hub, tmp_path: Path) -> None:
    api = hub.api("ulla")
    space = hub.space("ulla/demo")
    done = api.upload_file(
        path_or_fileobj=b"import gradio\n",
        path_in_repo="app.py",
        repo_id="ulla/demo",
        repo_type="space",
        commit_message="Add the app",
        commit_description="It greets.",
    )
    assert done.oid == api.space_info("ulla/demo").sha
    assert done.commit_url == f"{hub.url}/spaces/ulla/demo/commit/{done.oid}"
    with hub.context.ledger.read() as tx:
        assert spaces.get(tx, space.key).head == done.oid

    folder = tmp_path / "folder"
    (folder / "static" / "deep").mkdir(parents=True)
    (folder / "README.md").write_text("---\nsdk: gradio\ntitle: Changed\n---\n# Hi\n")
    (folder / "static" / "deep" / "ä ö%2F.txt").write_text("odd name")
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 4000)
    (folder / "junk.tmp").write_text("not wanted")
    (folder / ".gitignore").write_text("*.tmp\n")
    api.upload_folder(folder_path=folder, repo_id="ulla/demo", repo_type="space")
    files = set(api.list_repo_files("ulla/demo", repo_type="space"))
    assert {"weights.bin", "static/deep/ä ö%2F.txt", "app.py", ".gitignore"} <= files
    assert "junk.tmp" not in files
    with hub.context.ledger.read() as tx:
        card = spaces.get(tx, space.key).card
    assert card is not None and card["title"] == "Changed"
    got = api.hf_hub_download(
        "ulla/demo", "static/deep/ä ö%2F.txt", repo_type="space", cache_dir=tmp_path / "cache"
    )
    assert Path(got).read_text() == "odd name"
    before = api.space_info("ulla/demo").sha
    again = api.upload_folder(folder_path=folder, repo_id="ulla/demo", repo_type="space")
    assert api.space_info("ulla/demo").sha == before == again.oid  # type: ignore[union-attr]
    api.delete_folder("static", repo_id="ulla/demo", repo_type="space")
    api.delete_file("weights.bin", repo_id="ulla/demo", repo_type="space")
    assert "static" not in paths(hub, "ulla/demo")
    titles = [each.title for each in api.list_repo_commits("ulla/demo", repo_type="space")]
    assert titles[-2:] == ["Add the app", "initial commit"] and len(titles) == 5


def test_a_clone_has_what_the_client_committed(hub: Hub, tmp_path: Path) -> None:
    api, token = hub.api("vera"), hub.token("vera")
    hub.space("vera/demo")
    api.create_commit(
        "vera/demo",
        [CommitOperationAdd("app.py", b"print()\n"), CommitOperationDelete(".gitattributes")],
        commit_message="Both",
        repo_type="space",
    )
    remote = f"http://any:{token}@localhost:{hub.port}/spaces/vera/demo"
    subprocess.run(["git", "clone", "-q", remote, tmp_path / "clone"], check=True)
    assert {path.name for path in (tmp_path / "clone").iterdir()} == {".git", "README.md", "app.py"}
    author = subprocess.run(
        ["git", "log", "-1", "--format=%an <%ae>"],
        cwd=tmp_path / "clone",
        capture_output=True,
        text=True,
        check=True,
    )
    assert author.stdout.strip() == "vera <vera@users.noreply.localhost>"


def test_too_large_and_a_bad_readme_are_refused_with_words(hub: Hub, tmp_path: Path) -> None:
    api = hub.api("wanda")
    hub.space("wanda/demo")
    asked = {"files": [{"path": "big.bin", "size": 6 << 30, "sample": ""}]}
    path = "/api/spaces/wanda/demo/preupload/main"
    refused = hub.wire.ask("POST", path, token=hub.token("wanda"), json_body=asked)
    assert refused.status == 400 and "big.bin has 6442450944 bytes" in refused.error
    with pytest.raises(ValueError, match="sdk"):
        api.upload_file(
            path_or_fileobj=b"---\nsdk: fortran\n---\n",
            path_in_repo="README.md",
            repo_id="wanda/demo",
            repo_type="space",
        )
    bad = add("README.md", b"---\nsdk: fortran\n---\n")
    refused = commit(hub, "wanda/demo", hub.token("wanda"), bad)
    assert refused.status == 422 and "fortran" in refused.error


@pytest.mark.req("API-14")
@pytest.mark.parametrize(
    "path",
    [
        "../x", "/x", "a//b", "a/./b", "a/../b", "", ".", ".git/config", "a/.git/x", "x/", ".GIT/x",
        "a\0b", "..\\x", "a/..\\..\\b", "git~1/x", "x" * 5000,
    ],
)  # fmt: skip
def test_paths_that_no_commit_may_write(hub: Hub, path: str) -> None:
    id = f"xena/p{blob_id(path.encode())[:8]}"
    hub.space(id)
    token = hub.token("xena")
    answer = commit(hub, id, token, add(path))
    assert answer.status == 422, answer.body
    assert commit(hub, id, token, delete(path)).status in (404, 422)
    assert len(hub.wire.get(f"/api/spaces/{id}/commits/main").json()) == 1


def test_deletions_come_first_and_must_find_something(hub: Hub) -> None:
    hub.space("yara/demo")
    token = hub.token("yara")
    assert commit(hub, "yara/demo", token, add("d/a"), add("d/b")).status == 200
    assert commit(hub, "yara/demo", token, add("d/c"), delete("d/", "deletedFolder")).status == 200
    tree = hub.wire.get("/api/spaces/yara/demo/tree/main/d?recursive=true").json()
    assert [entry["path"] for entry in tree] == ["d/c"]
    assert commit(hub, "yara/demo", token, delete("d")).status == 200  # a folder, named as a file
    missing = commit(hub, "yara/demo", token, delete("nope"))
    assert (missing.status, missing.headers["X-Error-Code"]) == (404, "EntryNotFound")
    assert missing.error == "A file with this name doesn't exist"
    assert commit(hub, "yara/demo", token, add("x"), rev="nope").status == 404
    lfs = {"key": "lfsFile", "value": {"path": "x", "algo": "sha256", "oid": "0" * 64, "size": 1}}
    refused = commit(hub, "yara/demo", token, lfs)
    assert refused.status == 422 and "0" * 64 in refused.error


@pytest.mark.req("API-15")
@pytest.mark.req("API-16")
def test_a_stale_parent_is_refused_and_a_repeated_request_is_not(hub: Hub) -> None:
    hub.space("zoe/demo")
    token = hub.token("zoe")
    start = hub.wire.get("/api/spaces/zoe/demo").json()["sha"]
    first = commit(hub, "zoe/demo", token, add("a"), parentCommit=start)
    again = commit(hub, "zoe/demo", token, add("a"), parentCommit=start)
    assert first.status == again.status == 200
    assert first.json()["commitOid"] == again.json()["commitOid"]
    stale = commit(hub, "zoe/demo", token, add("b"), parentCommit=start)
    assert stale.status == 412 and stale.error.startswith("The branch was updated since")
    head = first.json()["commitOid"]
    assert commit(hub, "zoe/demo", token, add("b"), parentCommit=head[:7]).status == 200
    assert commit(hub, "zoe/demo", token, add("c"), parentCommit="xyz").status == 400


@pytest.mark.req("API-16")
@pytest.mark.parametrize("named", [True, False], ids=["with its parent", "without a parent"])
def test_a_repeated_request_that_deletes_is_done_already(hub: Hub, named: bool) -> None:
    id = f"zora/{'named' if named else 'open'}"
    hub.space(id)
    token = hub.token("zora")
    assert commit(hub, id, token, add("d/a"), add("d/b"), add("e"), add("f")).status == 200
    start = hub.wire.get(f"/api/spaces/{id}").json()["sha"]
    more = {"parentCommit": start} if named else {}
    lines = (delete("d/", "deletedFolder"), delete("e"), add("d/c"), add("e/now a folder"))
    for change in (lines, (delete("f"),)):
        first, again = (commit(hub, id, token, *change, **more) for _ in range(2))
        assert first.status == again.status == 200, again.body
        assert first.json()["commitOid"] == again.json()["commitOid"]
        more = {"parentCommit": first.json()["commitOid"]} if named else {}
    others = commit(hub, id, token, delete("f"), summary="Another reason", **more)
    assert (others.status, others.headers["X-Error-Code"]) == (404, "EntryNotFound")
    stale = commit(hub, id, token, delete("f"), parentCommit=start)
    assert stale.status == 412
    assert len(hub.wire.get(f"/api/spaces/{id}/commits/main").json()) == 4


@pytest.mark.req("API-15")
def test_every_200_of_parallel_commits_is_in_the_history(hub: Hub) -> None:
    hub.space("abby/demo")
    token = hub.token("abby")
    answers: list[Answer] = []

    def one(number: int) -> None:
        answers.append(commit(hub, "abby/demo", token, add(f"f{number}", b"%d\n" % number)))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = {answer.json()["commitOid"] for answer in answers if answer.status == 200}
    assert {answer.status for answer in answers} <= {200, 409} and good
    history = hub.wire.get("/api/spaces/abby/demo/commits/main").json()
    assert good <= {each["id"] for each in history} and len(history) == len(good) + 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{}", 400),
        (b"nonsense", 400),
        (b'{"key":"file","value":{}}', 400),
        (b'{"key":"header","value":{"summary":""}}', 400),
        (b'{"key":"header","value":{"summary":[]}}', 422),
        (b'{"key":"header","value":{"summary":"x"}}\n{"key":"other","value":{}}', 400),
        (
            b'{"key":"header","value":{"summary":"x"}}\n{"key":"header","value":{"summary":"x"}}',
            400,
        ),
        (
            b'{"key":"header","value":{"summary":"x"}}\n'
            b'{"key":"file","value":{"path":"a","content":"?","encoding":"base64"}}',
            400,
        ),
    ],
)
@pytest.mark.req("API-11")
def test_malformed_commits(hub: Hub, body: bytes, status: int) -> None:
    hub.user("bess")
    if hub.wire.get("/api/spaces/bess/demo").status != 200:
        hub.space("bess/demo")
    answer = hub.wire.ask(
        "POST", "/api/spaces/bess/demo/commit/main", token=hub.token("bess"), body=body
    )
    assert answer.status == status, answer.body


def test_limits_of_a_commit(hub: Hub) -> None:
    hub.space("carl/demo")
    token = hub.token("carl")
    many = [add(f"f{number}", b"") for number in range(1001)]
    assert commit(hub, "carl/demo", token, *many).status == 400
    assert commit(hub, "carl/demo", token, *many[:1000]).status == 200
    large = os.urandom(10 * 1024 * 1024)
    assert commit(hub, "carl/demo", token, add("ten", large)).status == 200
    assert commit(hub, "carl/demo", token, add("more", large + b"\0")).status == 422
    declared = hub.wire.raw(
        b"POST /api/spaces/carl/demo/commit/main HTTP/1.1\r\nHost: localhost\r\n"
        b"Authorization: Bearer " + token.encode() + b"\r\nContent-Length: 999999999\r\n\r\n"
    )
    assert declared.startswith(b"HTTP/1.1 413")


def test_who_reads_cannot_commit(hub: Hub) -> None:
    hub.space("dina/demo")
    refused = commit(hub, "dina/demo", hub.token("stranger"), add("x"))
    assert refused.status == 403
    with pytest.raises(HfHubHTTPError, match="403"):
        HfApi(endpoint=hub.url, token=hub.token("dina", "read")).upload_file(
            path_or_fileobj=b"x", path_in_repo="x", repo_id="dina/demo", repo_type="space"
        )
