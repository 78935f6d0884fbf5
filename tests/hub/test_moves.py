"""Renames and moves with the real clients: what leads where, who may, and what follows."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd
from huggingface_hub.errors import HfHubHTTPError
from sqlalchemy import update

from spaceport.ledger import accounts, former_ids, memberships, moves, secrets, spaces
from spaceport.ledger.columns import now
from spaceport.ledger.spaces import Space
from spaceport.ledger.tables import former_ids as table
from spaceport.names import SpaceId
from spaceport.roles import OrgRole
from tests.hub.conftest import Hub


def row(hub: Hub, id: str) -> Space | None:
    with hub.context.ledger.read() as tx:
        return spaces.by_id(tx, SpaceId.parse(id))


def org(hub: Hub, name: str, **members: OrgRole) -> None:
    with hub.context.ledger.write() as tx:
        made = accounts.create_org(tx, name)
        for member, role in members.items():
            memberships.set_role(tx, made, hub_user(tx, member), role)


def hub_user(tx: object, name: str) -> accounts.Account:
    found = accounts.by_name(tx, name)  # type: ignore[arg-type]
    return found or accounts.create_user(tx, name)  # type: ignore[arg-type]


def git(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=cwd, capture_output=True, text=True, timeout=60)


@pytest.mark.req("API-31")
def test_the_client_renames_and_old_ids_lead_to_the_new_one(hub: Hub) -> None:
    before = hub.space("mo/old_name")
    api = hub.api("mo")
    api.add_space_secret("mo/old_name", "KEY", "value")
    api.move_repo("mo/old_name", "mo/new.name", repo_type="space")
    moved = row(hub, "mo/new.name")
    assert moved is not None and moved.key == before.key
    assert moved.host_label == "mo-new-name" and moved.settings_version > before.settings_version
    with hub.context.ledger.read() as tx:
        assert [one.name for one in secrets.names(tx, moved.key)] == ["KEY"]  # of a rename
    info = api.space_info("mo/old_name")  # the client follows
    assert info.id == "mo/new.name"
    add = CommitOperationAdd("a file.txt", b"hello\n")
    api.create_commit("mo/old_name", [add], commit_message="still here", repo_type="space")
    found = api.hf_hub_download("MO/Old_Name", "a file.txt", repo_type="space")
    assert Path(found).read_text() == "hello\n"
    answer = hub.wire.get("/api/spaces/mo/old_name/tree/main/a%2Fb?recursive=true")
    assert (answer.status, answer.headers["Location"]) == (
        307,
        "/api/spaces/mo/new.name/tree/main/a%2Fb?recursive=true",
    )
    by_label = hub.wire.get("/api/spaces/by-subdomain/mo-old-name").json()
    assert (by_label["id"], by_label["subdomain"]) == ("mo/new.name", "mo-new-name")


def test_git_goes_on_at_the_new_address(hub: Hub, tmp_path: Path) -> None:
    hub.space("mg/first")
    token = hub.token("mg")
    remote = f"http://mg:{token}@localhost:{hub.port}/spaces/mg/first"
    assert git("clone", "-q", remote, "work", cwd=tmp_path).returncode == 0
    hub.api("mg").move_repo("mg/first", "mg/second", repo_type="space")
    work = tmp_path / "work"
    (work / "new.txt").write_text("new\n")
    git("add", "new.txt", cwd=work)
    git("-c", "user.name=m", "-c", "user.email=m@example.org", "commit", "-qm", "more", cwd=work)
    pushed = git("push", "origin", "HEAD:main", cwd=work)
    assert pushed.returncode == 0, pushed.stderr
    assert "redirecting to" in pushed.stderr and "/spaces/mg/second" in pushed.stderr
    cloned = git("clone", "-q", remote + ".git", "again", cwd=tmp_path)
    assert cloned.returncode == 0, cloned.stderr
    assert (tmp_path / "again" / "new.txt").read_text() == "new\n"


def test_what_is_private_is_not_told_by_its_former_name(hub: Hub) -> None:
    hub.space("mp/before", visibility="private")
    hub.api("mp").move_repo("mp/before", "mp/after", repo_type="space")
    stranger = hub.token("mstranger")
    for path in ("/api/spaces/mp/before", "/api/spaces/by-subdomain/mp-before"):
        hidden = hub.wire.get(path, token=stranger)
        absent = hub.wire.get(path.replace("before", "never"), token=stranger)
        assert (hidden.status, hidden.body) == (absent.status, absent.body) == (404, absent.body)


@pytest.mark.req("API-31")
def test_a_former_name_is_kept_from_others_for_a_while(hub: Hub) -> None:
    org(hub, "m-lab", mholder=OrgRole.CONTRIBUTOR, mnew=OrgRole.CONTRIBUTOR)
    holder, newcomer = hub.api("mholder"), hub.api("mnew")
    holder.create_repo("m-lab/demo", repo_type="space", space_sdk="static")
    holder.move_repo("m-lab/demo", "m-lab/demo-2", repo_type="space")
    with pytest.raises(HfHubHTTPError, match="former name of another Space"):
        newcomer.create_repo("m-lab/demo", repo_type="space", space_sdk="static")
    token = hub.token("mholder")
    listed = hub.wire.get("/api/spaces/m-lab/demo-2/former-names", token=token).json()
    assert [one["id"] for one in listed] == ["m-lab/demo"]
    freed = hub.wire.ask(
        "DELETE",
        "/api/spaces/m-lab/demo-2/former-names",
        token=token,
        json_body={"id": "m-lab/demo"},
    )
    assert freed.status == 200
    newcomer.create_repo("m-lab/demo", repo_type="space", space_sdk="static")
    made = row(hub, "m-lab/demo")
    assert made is not None and made.host_label == "m-lab-demo"


def test_after_the_hold_a_name_is_taken_with_its_host(hub: Hub) -> None:
    old = hub.space("mh/demo")
    hub.api("mh").move_repo("mh/demo", "mh/elsewhere", repo_type="space")
    with hub.context.ledger.write() as tx:
        long_ago = now() - former_ids.HOLD - timedelta(hours=1)
        tx.execute(update(table).where(table.c.space_key == old.key).values(left_at=long_ago))
    made = hub.space("mh/demo")
    assert made.host_label == "mh-demo" and made.key != old.key
    assert hub.api("mh").space_info("mh/demo").id == "mh/demo"
    with hub.context.ledger.read() as tx:
        assert former_ids.of_space(tx, old.key) == []


def test_back_again_and_only_the_case(hub: Hub) -> None:
    made = hub.space("mb/one")
    api = hub.api("mb")
    api.move_repo("mb/one", "mb/two", repo_type="space")
    api.move_repo("mb/two", "mb/one", repo_type="space")
    back = row(hub, "mb/one")
    assert back is not None and (back.key, back.host_label) == (made.key, "mb-one")
    assert hub.wire.get("/api/spaces/mb/two").headers["Location"] == "/api/spaces/mb/one"
    api.move_repo("mb/one", "mb/ONE", repo_type="space")
    found = row(hub, "mb/one")
    assert found is not None and str(found.id) == "mb/ONE" and found.host_label == "mb-one"
    with hub.context.ledger.read() as tx:
        assert [str(one) for one in former_ids.of_space(tx, made.key)] == ["mb/two"]


def test_names_that_are_taken_or_wrong(hub: Hub) -> None:
    hub.space("mt/here")
    hub.space("mt/there")
    api = hub.api("mt")
    with pytest.raises(HfHubHTTPError, match="repository called mt/there already exists"):
        api.move_repo("mt/here", "mt/there", repo_type="space")
    for wrong in ("mt/.hidden", "mt/a--b"):
        answer = hub.wire.ask(
            "POST",
            "/api/repos/move",
            token=hub.token("mt"),
            json_body={"fromRepo": "mt/here", "toRepo": wrong, "type": "space"},
        )
        assert answer.status == 400, answer.body
    assert row(hub, "mt/here") is not None


@pytest.mark.req("API-31")
def test_secrets_follow_to_another_owner_only_when_asked(hub: Hub) -> None:
    org(hub, "ms-lab", msue=OrgRole.ADMIN)
    for name, keep in (("ms-one", False), ("ms-two", True)):
        hub.space(f"msue/{name}")
        hub.api("msue").add_space_secret(f"msue/{name}", "KEY", "value")
        answer = hub.wire.ask(
            "POST",
            "/api/repos/move",
            token=hub.token("msue"),
            json_body={
                "fromRepo": f"msue/{name}",
                "toRepo": f"ms-lab/{name}",
                "type": "space",
                "keepSecrets": keep,
            },
        )
        assert answer.status == 200, answer.body
        assert answer.json()["lostSecrets"] == ([] if keep else ["KEY"])
        moved = row(hub, f"ms-lab/{name}")
        assert moved is not None
        with hub.context.ledger.read() as tx:
            left = [one.name for one in secrets.names(tx, moved.key)]
        assert left == (["KEY"] if keep else [])


@pytest.mark.req("API-31")
@pytest.mark.parametrize(
    ("actor", "source", "target", "status"),
    [
        ("wbob", "wann/a", "wbob/a", 403),  # not his
        ("wann", "wann/a", "wbob/a", 403),  # never to another person
        ("wann", "wann/a", "w-org/a", 200),  # a contributor there
        ("wbob", "w-org/b", "w-org/c", 200),  # a writer renames
        ("wbob", "w-org/b", "wbob/b", 403),  # but does not take away
        ("wcid", "w-org/b", "wcid/b", 200),  # an administrator does
        ("wcid", "w-org/b", "w-two/b", 200),  # also to where they contribute
        ("wcid", "w-org/b", "w-three/b", 403),  # not elsewhere
        ("wann", "wann/a", "nobody-here/a", 403),
    ],
)
def test_who_may_move(hub: Hub, actor: str, source: str, target: str, status: int) -> None:
    for name in ("wann", "wbob", "wcid"):
        hub.user(name)
    with hub.context.ledger.read() as tx:
        known = accounts.by_name(tx, "w-org")
    if known is None:
        roles = {"wann": OrgRole.CONTRIBUTOR, "wbob": OrgRole.WRITE, "wcid": OrgRole.ADMIN}
        org(hub, "w-org", **roles)
        org(hub, "w-two", wcid=OrgRole.CONTRIBUTOR)
        org(hub, "w-three")
    hub.space(source)
    answer = hub.wire.ask(
        "POST",
        "/api/repos/move",
        token=hub.token(actor),
        json_body={"fromRepo": source, "toRepo": target, "type": "space"},
    )
    assert answer.status == status, answer.body
    with hub.context.ledger.write() as tx:  # the next case begins anew
        for id in (source, target):
            found = moves.find(tx, SpaceId.parse(id))
            if found is not None:
                spaces.mark_deleted(tx, found.key)
