"""The real command, as a person types it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from hub.cli.app import app
from hub.context import HubContext
from spaceport.identify import Shown, identify
from spaceport.ledger import (
    Ledger,
    accounts,
    builds,
    invitations,
    keys,
    previews,
    secrets,
    spaces,
    tokens,
    variables,
)
from spaceport.ledger.spaces import Visibility
from spaceport.logbook import LogWriter, log_path
from spaceport.names import SpaceId
from spaceport.passwords import verify_password
from spaceport.stage import Wanted
from spaceport.states import BuildState
from tests.hub.conftest import make_context
from tests.hub.prefork import Prefork
from tests.hub.test_releases import ran
from tests.waiting import eventually

SPACEPORT = Path(sys.executable).with_name("spaceport")


class Cli:
    def __init__(self, data: Path, prefork: Prefork) -> None:
        self.data = data
        self.run = partial(prefork.run, SPACEPORT_DATA=str(data), COLUMNS="200")

    def __call__(self, *words: str, input: str = "") -> str:
        ran = self.run(*words, input=input)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    def refused(self, *words: str, input: str = "") -> str:
        ran = self.run(*words, input=input)
        assert ran.returncode == 1 and "Traceback" not in ran.stderr, ran.stderr
        assert ran.stderr.startswith("Error: ")
        return ran.stderr


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    with Prefork() as prefork:
        made = Cli(tmp_path_factory.mktemp("cli") / "data", prefork)
        made("user", "create", "ada", "--admin", "--password-stdin", input="a long password\n")
        made("space", "create", "ada/demo", "--sdk", "gradio")
        yield made


@pytest.fixture(scope="module")
def context(cli: Cli) -> HubContext:
    """What a server has open on the same folder, while the commands run."""
    return make_context(cli.data, 8080)


@pytest.fixture
def ledger(context: HubContext) -> Ledger:
    return context.ledger


def test_users(cli: Cli, ledger: Ledger) -> None:
    with ledger.read() as tx:
        ada = accounts.user(tx, "ada")
        assert ada.is_admin
        assert verify_password("a long password", accounts.password_hash(tx, ada.id)).right
    said = cli("user", "create", "bob", "--email", "bob@example.org")
    link = re.search(r"http://localhost:8080/join/(\S+)", said)
    assert link is not None
    with ledger.read() as tx:
        invited = invitations.peek(tx, link[1])
        assert invited is not None and invited.account_id == accounts.user(tx, "bob").id
    assert [line.split("\t")[:3] for line in cli("user", "list").splitlines()] == [
        ["ada", "admin", "active"],
        ["bob", "user", "active"],
    ]
    cli("user", "password", "bob", "--password-stdin", input="bob's password\n")
    assert "8 to 1024 bytes" in cli.refused("user", "password", "bob", "--password-stdin")
    cli("user", "suspend", "bob")
    assert "suspended" in cli("user", "list")
    cli("user", "reinstate", "bob")
    assert "taken" in cli.refused("user", "create", "ADA")
    assert "reserved" in cli.refused("user", "create", "admin")


def test_a_token_is_printed_and_nothing_else(cli: Cli, ledger: Ledger) -> None:
    token = cli("token", "create", "ada", "--role", "write", "--name", "laptop")
    assert re.fullmatch(r"hf_[A-Za-z0-9]{34}", token)
    assert identify(ledger, Shown(token=token)).name == "ada"
    listed = cli("token", "list", "ada")
    assert token not in listed and token[-4:] in listed and "laptop" in listed
    cli("token", "revoke", "ada", listed.split("\t")[0])
    assert cli("token", "list", "ada") == ""
    fine = cli("token", "create", "ada", "--role", "fine-grained", "--grant", "ada/demo=read,write")
    granted = identify(ledger, Shown(token=fine)).token
    assert granted is not None and len(granted.grants) == 1
    assert "without a grant" in cli.refused("token", "create", "ada", "--role", "fine-grained")
    assert "no user" in cli.refused("token", "create", "nobody")
    assert "no role" in cli.refused("token", "create", "ada", "--role", "root")


def test_keys(cli: Cli, ledger: Ledger, tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", tmp_path / "id"], check=True
    )
    fingerprint = cli("key", "add", "ada", str(tmp_path / "id.pub"))
    with ledger.read() as tx:
        assert keys.by_fingerprint(tx, fingerprint) is not None
    assert "private key" in cli.refused("key", "add", "ada", str(tmp_path / "id"))
    assert "cannot be read" in cli.refused("key", "add", "ada", str(tmp_path / "nothing"))
    cli("key", "remove", "ada", cli("key", "list", "ada").split("\t")[0])
    assert cli("key", "list", "ada") == ""


def test_organisations(cli: Cli) -> None:
    cli("user", "create", "carol")
    cli("org", "create", "lab", "--admin", "ada")
    cli("org", "member", "lab", "carol", "--role", "write")
    assert "lab\tcarol\twrite" in cli("org", "list")
    cli("org", "member", "lab", "carol", "--remove")
    assert "carol" not in cli("org", "list")
    assert "last administrator" in cli.refused("org", "member", "lab", "ada", "--remove")


def test_spaces(cli: Cli, ledger: Ledger) -> None:
    said = cli("space", "create", "ada/page", "--sdk", "static", "--visibility", "private")
    assert "git clone http://localhost:8080/spaces/ada/page" in said
    assert "already exists" in cli.refused("space", "create", "ada/PAGE", "--sdk", "static")
    assert "no account" in cli.refused("space", "create", "nobody/x", "--sdk", "static")
    assert "Choose one of: gradio" in cli.refused("space", "create", "ada/x", "--sdk", "rust")
    names = [line.split("\t")[0] for line in cli("space", "list").splitlines()]
    assert names == ["ada/page", "ada/demo"]
    assert "http://ada-demo.localhost:8080" in cli("space", "info", "ada/demo")
    assert "no Space" in cli.refused("space", "info", "ada/nothing")
    assert "author/name" in cli.refused("space", "info", "nothing")


def test_pause_restart_wake(cli: Cli, ledger: Ledger) -> None:
    def wanted() -> Wanted:
        with ledger.read() as tx:
            found = spaces.by_id(tx, SpaceId("ada", "demo"))
        assert found is not None
        return found.wanted

    cli("space", "pause", "ada/demo")
    assert wanted() is Wanted.PAUSED
    assert "is paused" in cli.refused("space", "wake", "ada/demo")
    cli("space", "restart", "ada/demo", "--factory")
    assert wanted() is Wanted.RUNNING
    assert "does not sleep" in cli("space", "wake", "ada/demo")
    assert "static" in cli.refused("space", "pause", "ada/page")


def test_logs_are_printed_and_followed(cli: Cli, context: HubContext) -> None:
    assert "not been built" in cli.refused("space", "logs", "ada/demo", "--build")
    with context.ledger.write() as tx:
        space = spaces.by_id(tx, SpaceId("ada", "demo"))
        assert space is not None
        build = builds.queue(tx, space.key, space.head or "")
    log = LogWriter(log_path(context.data, space.key, "build", build.id))
    log.write("one\n")
    assert cli("space", "logs", "ada/demo", "--build") == "one"
    following = subprocess.Popen(
        [SPACEPORT, "space", "logs", "ada/demo", "--build", "-f"],
        env={**os.environ, "SPACEPORT_DATA": str(cli.data)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    assert following.stdout.readline() == "one\n"
    log.write("two\n")
    assert following.stdout.readline() == "two\n"
    log.close()
    with context.ledger.write() as tx:
        builds.move(tx, build, BuildState.INTERRUPTED)
    assert following.wait(20) == 0 and following.stdout.read() == ""
    following.stdout.close()
    assert "no build before" in cli.refused("space", "logs", "ada/demo", "--build", "--previous")


def has_open(pid: int, name: str) -> bool:
    with suppress(FileNotFoundError):  # one that was closed in between
        return any(name in str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir())
    return False


def test_who_follows_right_after_a_push_sees_the_build_of_that_push(
    cli: Cli, context: HubContext
) -> None:
    with context.ledger.write() as tx:
        space = spaces.by_id(tx, SpaceId("ada", "demo"))
        assert space is not None
        before = builds.queue(tx, space.key, space.head or "")
        builds.move(tx, before, BuildState.INTERRUPTED)
        spaces.move_head(tx, space.key, "b" * 40, None)
    LogWriter(log_path(context.data, space.key, "build", before.id)).write("before\n")
    following = subprocess.Popen(
        [SPACEPORT, "space", "logs", "ada/demo", "--build", "-f"],
        env={**os.environ, "SPACEPORT_DATA": str(cli.data)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert following.stdout is not None
    eventually(lambda: has_open(following.pid, "ledger.sqlite3"))
    with context.ledger.write() as tx:
        build = builds.queue(tx, space.key, "b" * 40)
    LogWriter(log_path(context.data, space.key, "build", build.id)).write("after\n")
    assert following.stdout.readline() == "after\n"
    following.kill()
    following.wait()
    following.stdout.close()


def test_releases_and_rollback(cli: Cli, context: HubContext) -> None:
    assert "no release yet" in cli.refused("space", "rollback", "ada/demo")
    assert cli("space", "releases", "ada/demo") == ""
    with context.ledger.read() as tx:
        space = spaces.by_id(tx, SpaceId("ada", "demo"))
    assert space is not None
    for number, color in enumerate(("red", "blue"), 1):
        with context.ledger.write() as tx:
            variables.set_(tx, space.key, "COLOR", color)
        ran(context, space, str(number))
    lines = [line.split("\t") for line in cli("space", "releases", "ada/demo").splitlines()]
    assert [line[:3] for line in lines] == [["*", "2", "live"], ["", "1", "retired"]]
    assert [line[6] for line in lines] == ["COLOR=blue", "COLOR=red"]
    said = cli("space", "rollback", "ada/demo")
    assert said == "Going back to release 1 of ada/demo, as release 3."
    assert "no release 9" in cli.refused("space", "rollback", "ada/demo", "9")


def test_duplicate(cli: Cli, context: HubContext) -> None:
    with context.ledger.write() as tx:
        space = spaces.by_id(tx, SpaceId("ada", "demo"))
        assert space is not None
        secrets.set_(tx, context.keyring, space.key, "TOKEN", "of the source")
    refused = cli.refused("space", "duplicate", "ada/demo", "ada/two", "--secret-env", "NO_SUCH")
    assert "The environment has no NO_SUCH" in refused
    said = cli("space", "duplicate", "ada/demo", "ada/two", "--variable", "B=2")
    assert "Copied ada/demo to ada/two" in said
    assert "not set in the copy: TOKEN" in said
    with context.ledger.read() as tx:
        copy = spaces.by_id(tx, SpaceId("ada", "two"))
        assert copy is not None and copy.visibility is Visibility.PRIVATE
        assert variables.of(tx, copy.key)["B"] == "2"
        assert secrets.versions(tx, copy.key) == {}
    assert "already exists" in cli.refused("space", "duplicate", "ada/demo", "ada/two")
    with context.ledger.write() as tx:
        secrets.remove(tx, space.key, "TOKEN")


def test_delete_asks_for_a_word(cli: Cli) -> None:
    cli("space", "create", "ada/gone", "--sdk", "docker")
    assert "--yes" in cli.refused("space", "delete", "ada/gone")
    cli("space", "delete", "ada/gone", "--yes")
    assert "ada/gone" not in cli("space", "list")


@pytest.mark.req("KEY-04")
def test_the_key_is_rotated_under_a_running_server(cli: Cli, context: HubContext) -> None:
    with context.ledger.write() as tx:
        space = spaces.by_id(tx, SpaceId("ada", "demo"))
        assert space is not None
        secrets.set_(tx, context.keyring, space.key, "A", "geheim")
    assert "Sealed 1 secrets" in cli("secrets", "rotate-key")
    with context.ledger.write() as tx:
        assert secrets.reveal(tx, context.keyring, space.key) == {"A": "geheim"}
        secrets.set_(tx, context.keyring, space.key, "B", "new")
    assert "Sealed 2 secrets" in cli("secrets", "rotate-key")


@pytest.mark.req("KEY-09")
def test_after_a_break_in_everything_is_revoked(cli: Cli, context: HubContext) -> None:
    token = cli("token", "create", "ada")
    assert "--yes" in cli.refused("secrets", "incident")
    said = cli("secrets", "incident", "--yes")
    assert said.startswith("Revoked ") and "SSH keys stay" in said
    with context.ledger.read() as tx:
        assert tokens.find(tx, token) is None


@pytest.mark.req("GIT-36")
def test_gc_looks_after_repositories(cli: Cli, context: HubContext) -> None:
    path = context.repositories.path(next(context.repositories.keys()))
    lost = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=path, input=b"x", capture_output=True
    ).stdout.decode()
    file = path / "objects" / lost[:2] / lost[2:].strip()
    os.utime(file, (1, 1))
    told = cli.run("gc", SPACEPORT__ENGINE__KIND="process")
    assert "Looked after" in told.stdout and "1 objects went" in told.stdout
    assert not file.exists()


def test_wrong_usage_and_wrong_settings(cli: Cli, tmp_path: Path) -> None:
    assert cli.run("nonsense").returncode == 2
    assert cli.run("space", "pause").returncode == 2
    environment = {**os.environ, "SPACEPORT__HTTP__PORT": "99999", "SPACEPORT_DATA": str(tmp_path)}
    ran = subprocess.run(  # the console script itself
        [SPACEPORT, "user", "list"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 1 and "http.port" in ran.stderr and "Traceback" not in ran.stderr
    elsewhere = cli.run("user", "list", "--data", "/proc/nowhere")
    assert elsewhere.returncode == 1 and "cannot be made" in elsewhere.stderr


def test_every_command_has_help_and_takes_the_data_folder(cli: Cli) -> None:
    import typer

    root = typer.main.get_command(app)
    leaves = []

    def walk(command: object, path: list[str]) -> None:
        below = getattr(command, "commands", None)
        if below is None:
            leaves.append((path, command))
        else:
            for name, inner in below.items():
                walk(inner, [*path, name])

    walk(root, [])
    assert len(leaves) > 20
    for path, command in leaves:
        assert command.help, path  # type: ignore[attr-defined]
        options = {name for parameter in command.params for name in parameter.opts}  # type: ignore[attr-defined]
        assert "--data" in options, path


def test_previews_of_branches(cli: Cli, context: HubContext) -> None:
    cli("space", "create", "ada/branched", "--sdk", "static")
    with context.ledger.write() as tx:
        space = spaces.by_id(tx, SpaceId("ada", "branched"))
        assert space is not None and space.head is not None
        bare = context.repositories.path(space.key)
    subprocess.run(["git", "-C", bare, "update-ref", "refs/heads/a/b", space.head], check=True)
    assert cli("space", "previews", "ada/branched") == ""
    begun = cli("space", "previews", "ada/branched", "--begin", "a/b").split("\t")
    address = "http://ada-branched--a-b.localhost:8080"
    assert begun[:4] == ["a/b", "SLEEPING", space.head[:10], address]
    assert address in cli("space", "info", "ada/branched@a/b")
    assert "Waking" in cli("space", "wake", "ada/branched@a/b")
    assert "a/b\tBUILDING" in cli("space", "previews", "ada/branched")
    cli("space", "set-secret", "ada/branched@a/b", "TOKEN", input="x\n")
    assert "standard input" in cli.refused("space", "set-secret", "ada/branched@a/b", "TOKEN")
    with context.ledger.read() as tx:
        preview = previews.find(tx, space.key, "refs/heads/a/b")
        assert preview is not None
        assert secrets.reveal(tx, context.keyring, preview.key) == {"TOKEN": "x"}
        assert secrets.names(tx, space.key) == []
    assert "logs" in cli("space", "disk", "ada/branched@a/b")
    assert "not a Space id" in cli.refused("space", "delete", "ada/branched@a/b", "--yes")
    assert cli("space", "previews", "ada/branched", "--remove", "a/b") == ""
    assert "no preview" in cli.refused("space", "info", "ada/branched@a/b")
    cli("space", "delete", "ada/branched", "--yes")
