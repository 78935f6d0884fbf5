"""The real `huggingface_hub` against the hub: what users call."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi, RepoUrl, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from spaceport.ledger import accounts as accounts_ledger
from spaceport.ledger import memberships
from spaceport.ledger import secrets as secrets_ledger
from spaceport.roles import OrgRole
from tests.hub.conftest import Hub


def test_whoami(hub: Hub) -> None:
    with hub.context.ledger.write() as tx:
        lab = accounts_ledger.create_org(tx, "whoami-lab", full_name="The Lab")
        ida = accounts_ledger.create_user(tx, "ida", full_name="Ida Rhodes")
        memberships.set_role(tx, lab, ida, OrgRole.WRITE)
    me = hub.api("ida").whoami()
    assert (me["name"], me["type"], me["fullname"]) == ("ida", "user", "Ida Rhodes")
    assert me["auth"]["accessToken"]["role"] == "write"
    assert [(org["name"], org["fullname"]) for org in me["orgs"]] == [("whoami-lab", "The Lab")]
    avatar = me["avatarUrl"].removeprefix(hub.url)
    assert hub.wire.get(avatar).headers["Content-Type"].startswith("image/svg+xml")
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        HfApi(endpoint=hub.url, token="hf_wrong").whoami()


def test_create_info_and_delete(hub: Hub) -> None:
    api = hub.api("ada")
    url = api.create_repo(
        "First_Space",
        repo_type="space",
        space_sdk="gradio",
        space_variables=[{"key": "COLOR", "value": "red", "description": "of the button"}],
        space_secrets=[{"key": "TOKEN", "value": "geheim"}],
    )
    assert isinstance(url, RepoUrl) and url.repo_id == "ada/First_Space"
    info = api.space_info("ada/first_space")
    assert (info.id, info.author, info.sdk, info.private) == (
        "ada/First_Space",
        "ada",
        "gradio",
        False,
    )
    assert info.subdomain == "ada-first-space" and info.sha is not None and len(info.sha) == 40
    assert info.host == f"http://ada-first-space.localhost:{hub.port}"
    assert info.card_data is not None and info.card_data.title == "First Space"
    assert info.siblings is not None
    assert {file.rfilename for file in info.siblings} == {"README.md", ".gitattributes"}
    assert info.created_at is not None and info.runtime is not None
    assert api.get_space_variables("ada/First_Space")["COLOR"].value == "red"
    with hub.context.ledger.read() as tx:
        key = hub.wire.get("/api/spaces/ada/first_space").json()["_id"]
        assert secrets_ledger.reveal(tx, hub.context.keyring, key) == {"TOKEN": "geheim"}
    again = api.create_repo("First_Space", repo_type="space", space_sdk="gradio", exist_ok=True)
    assert again.repo_id == "ada/First_Space"
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo("first_space", repo_type="space", space_sdk="gradio")
    api.delete_repo("ada/First_Space", repo_type="space")
    assert not api.repo_exists("ada/First_Space", repo_type="space")
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo("ada/First_Space", repo_type="space")
    api.delete_repo("ada/First_Space", repo_type="space", missing_ok=True)
    for kind in (None, "model", "dataset"):  # of which there are none
        with pytest.raises(RepositoryNotFoundError):
            api.delete_repo("ada/First_Space", repo_type=kind)
        api.delete_repo("ada/First_Space", repo_type=kind, missing_ok=True)


def test_the_first_commit_of_each_sdk(hub: Hub) -> None:
    api = hub.api("ben")
    for sdk in ("gradio", "streamlit", "docker", "static"):
        api.create_repo(f"ben/{sdk}", repo_type="space", space_sdk=sdk)
        commits = api.list_repo_commits(f"ben/{sdk}", repo_type="space")
        assert [(commit.title, commit.authors) for commit in commits] == [
            ("initial commit", ["ben"])
        ]
        refs = api.list_repo_refs(f"ben/{sdk}", repo_type="space")
        assert [(ref.name, ref.target_commit) for ref in refs.branches] == [
            ("main", commits[0].commit_id)
        ]
        files = set(api.list_repo_files(f"ben/{sdk}", repo_type="space"))
        expected = {"README.md", ".gitattributes"}
        assert files == (expected | {"index.html", "style.css"} if sdk == "static" else expected)


def test_bad_creations_name_what_is_wrong(hub: Hub) -> None:
    api = hub.api("cleo")
    for more in (
        {"repo_id": "cleo/x", "space_sdk": "gradio", "space_hardware": "no-such"},
        {"repo_id": "cleo/x", "space_sdk": "gradio", "space_sleep_time": 5},
        {
            "repo_id": "cleo/x",
            "space_sdk": "gradio",
            "space_variables": [{"key": "1", "value": ""}],
        },
    ):
        with pytest.raises(BadRequestError):
            api.create_repo(repo_type="space", **more)  # type: ignore[arg-type]
        assert not api.repo_exists("cleo/x", repo_type="space")
    with pytest.raises(HfHubHTTPError, match="no Nvidia T4"):
        api.create_repo("x", repo_type="space", space_sdk="gradio", space_hardware="t4-small")
    with pytest.raises(BadRequestError, match="hosts Spaces only"):
        api.create_repo("cleo/model")
    with pytest.raises(HfHubHTTPError, match="403"):
        api.create_repo("ada/not-mine", repo_type="space", space_sdk="gradio")


def test_variables_and_secrets(hub: Hub) -> None:
    api = hub.api("dora")
    hub.space("dora/demo")
    made = api.add_space_variable("dora/demo", "COLOR", "red", description="of the button")
    assert made["COLOR"].value == "red" and made["COLOR"].description == "of the button"
    assert made["COLOR"].updated_at is not None
    api.add_space_variable("dora/demo", "COLOR", "blue")
    assert api.get_space_variables("dora/demo")["COLOR"].value == "blue"
    assert api.delete_space_variable("dora/demo", "COLOR") == {}
    assert api.delete_space_variable("dora/demo", "COLOR") == {}
    api.add_space_secret("dora/demo", "KEY", "geheim", description="to the door")
    listed = api.get_space_secrets("dora/demo")
    assert listed["KEY"].description == "to the door"
    assert "geheim" not in repr(listed)
    with pytest.raises(BadRequestError, match="already a secret"):
        api.add_space_variable("dora/demo", "KEY", "x")
    api.delete_space_secret("dora/demo", "KEY")
    api.delete_space_secret("dora/demo", "KEY")
    assert api.get_space_secrets("dora/demo") == {}


def test_pause_restart_hardware_and_sleep(hub: Hub) -> None:
    api = hub.api("emma")
    space = hub.space("emma/demo")
    runtime = api.get_space_runtime("emma/demo")
    assert runtime.stage in ("NO_APP_FILE", "BUILDING")
    assert (runtime.hardware, runtime.requested_hardware) == (None, "cpu-basic")
    assert runtime.raw["gcTimeout"] == 172800
    assert api.pause_space("emma/demo").stage == "PAUSED"
    assert api.restart_space("emma/demo", factory_reboot=True).stage == "BUILDING"
    assert (
        api.request_space_hardware("emma/demo", "cpu-upgrade").requested_hardware == "cpu-upgrade"
    )
    assert api.set_space_sleep_time("emma/demo", 300).raw["gcTimeout"] == 300
    assert api.set_space_sleep_time("emma/demo", -1).raw["gcTimeout"] is None
    with hub.context.ledger.read() as tx:
        from spaceport.ledger import spaces

        now = spaces.get(tx, space.key)
    assert (now.restart_generation, now.factory_generation, now.settings_version) == (1, 1, 1)
    hub.space("emma/page", sdk=__import__("spaceport.sdk", fromlist=["Sdk"]).Sdk.STATIC)
    with pytest.raises(BadRequestError, match="static"):
        api.pause_space("emma/page")


def test_private_and_public_again(hub: Hub) -> None:
    api, stranger = hub.api("fay"), hub.api("gus")
    hub.space("fay/demo", visibility="private")
    assert api.space_info("fay/demo").private
    with pytest.raises(RepositoryNotFoundError):
        stranger.space_info("fay/demo")
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.url, token=False).space_info("fay/demo")
    api.update_repo_settings("fay/demo", repo_type="space", visibility="public")
    assert not stranger.space_info("fay/demo").private
    with pytest.raises(HfHubHTTPError, match="403"):
        stranger.pause_space("fay/demo")


def test_lists_hold_what_one_may_read(hub: Hub) -> None:
    hub.space("hal/open")
    hub.space("hal/closed", visibility="private")
    hub.space("hal/half", visibility="protected")
    mine = {space.id for space in hub.api("hal").list_spaces(author="hal")}
    others = {space.id for space in hub.api("gus").list_spaces(author="hal")}
    assert mine == {"hal/open", "hal/closed", "hal/half"} and others == {"hal/open"}
    found = hub.api("hal").list_spaces(search="HAL/CLO", full=True)
    assert [space.id for space in found] == ["hal/closed"]
    assert [space.id for space in hub.api("hal").list_spaces(author="hal", filter="docker")] == []


def test_a_list_goes_on_over_pages(hub: Hub) -> None:
    for number in range(7):
        hub.space(f"ina/space{number}")
    first = hub.wire.get("/api/spaces?author=ina&limit=3&sort=createdAt")
    assert [space["id"] for space in first.json()] == [f"ina/space{n}" for n in (6, 5, 4)]
    assert (
        f"<{hub.url}/api/spaces?author=ina&limit=3&sort=createdAt&cursor=" in first.headers["Link"]
    )
    from huggingface_hub.utils import get_session, paginate

    get_session()
    listed = paginate(f"{hub.url}/api/spaces", {"author": "ina", "limit": 3}, {})
    assert len({space["id"] for space in listed}) == 7


def test_expand_and_revisions(hub: Hub) -> None:
    api = hub.api("jan")
    hub.space("jan/demo")
    info = api.space_info("jan/demo", expand=["sha", "runtime"])
    assert info.sha is not None and info.runtime is not None and info.author is None
    with pytest.raises(BadRequestError, match=r'"expand" must be one of \[author, cardData'):
        api.space_info("jan/demo", expand=["nonsense"])  # type: ignore[list-item]
    for revision in ("main", "refs/heads/main", info.sha, info.sha[:7]):
        assert api.space_info("jan/demo", revision=revision).sha == info.sha
    with pytest.raises(RevisionNotFoundError):
        api.space_info("jan/demo", revision="no/such")
    assert api.repo_exists("jan/demo", repo_type="space")
    assert not api.revision_exists("jan/demo", "nope", repo_type="space")
    with_sizes = api.space_info("jan/demo", files_metadata=True)
    assert with_sizes.siblings is not None
    assert all(file.size and file.blob_id for file in with_sizes.siblings)


def test_reading_files(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = hub.api("kim")
    hub.space("kim/demo")
    tree = list(api.list_repo_tree("kim/demo", repo_type="space", recursive=True))
    assert [entry.path for entry in tree] == [".gitattributes", "README.md"]
    paths = api.get_paths_info("kim/demo", ["README.md", "missing"], repo_type="space")
    assert [entry.path for entry in paths] == ["README.md"]
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree("kim/demo", "no/such", repo_type="space"))
    options = {"repo_type": "space", "endpoint": hub.url, "token": hub.token("kim")}
    file = hf_hub_download("kim/demo", "README.md", cache_dir=tmp_path, **options)  # type: ignore[call-overload]
    assert "sdk: gradio" in Path(file).read_text()
    folder = snapshot_download("kim/demo", cache_dir=tmp_path, **options)  # type: ignore[arg-type]
    assert {path.name for path in Path(folder).iterdir()} == {"README.md", ".gitattributes"}
    with pytest.raises(EntryNotFoundError):
        hf_hub_download("kim/demo", "missing.py", cache_dir=tmp_path, **options)  # type: ignore[call-overload]


def test_what_changed_between_revisions(hub: Hub) -> None:
    api = hub.api("ada")
    api.create_repo("compared", repo_type="space", space_sdk="static")
    before = api.space_info("ada/compared").sha
    api.upload_file(
        path_or_fileobj=b"one\ntwo\n",
        path_in_repo="new.txt",
        repo_id="ada/compared",
        repo_type="space",
    )
    told = hub.wire.get(f"/api/spaces/ada/compared/compare/{before}..main")
    assert told.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert told.body.decode().startswith("diff --git a/new.txt b/new.txt\nnew file mode 100644\n")
    assert "@@ -0,0 +1,2 @@\n+one\n+two\n" in told.body.decode()
    assert hub.wire.get("/api/spaces/ada/compared/compare/main..main").body == b""
    for wrong, status in (("main", 400), ("main...main", 400), ("main..nothing", 404)):
        assert hub.wire.get(f"/api/spaces/ada/compared/compare/{wrong}").status == status


def test_hardware_and_templates(hub: Hub) -> None:
    names = [hardware["name"] for hardware in hub.wire.get("/api/spaces/hardware").json()]
    assert names[0] == "cpu-basic" and "t4-small" not in names
    assert hub.wire.get("/api/spaces/templates").json() == {"templates": []}


def test_what_is_on_no_list_is_said_so(hub: Hub) -> None:
    api = hub.api("lea")
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("lea/model")
    assert hub.wire.get("/api/nothing").error == "There is no such call, or no such repository"
    assert hub.wire.ask("HEAD", "/api/telemetry/py_client/initiated").status == 200
    assert hub.wire.get("/api/agent-harnesses").json()["harnesses"] == {}
