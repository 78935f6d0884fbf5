"""Creating and deleting as one step: races, crashes, names that are used again (DUR-07, API-29)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gitserver.building import Signature
from hub.create_space import NewSpace, SpaceExists, create_space
from hub.creations import creating, nobody_creating
from hub.delete_space import delete_space
from hub.janitor import Janitor
from spaceport.actor import SYSTEM
from spaceport.ledger import accounts, events, secrets, spaces, variables
from spaceport.ledger.events import EventKind
from spaceport.names import SpaceId
from spaceport.sdk import Sdk
from tests.hub.conftest import Hub, make_context
from tests.hub.wire import Answer


@pytest.mark.req("API-29")
def test_of_many_who_create_one_name_one_does(hub: Hub) -> None:
    token = hub.token("racer")
    before = set(hub.context.repositories.keys())
    answers: list[Answer] = []

    def create() -> None:
        body = {"name": "Prize", "type": "space", "sdk": "gradio"}
        answers.append(hub.wire.ask("POST", "/api/repos/create", token=token, json_body=body))

    threads = [threading.Thread(target=create) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = [answer.status for answer in answers]
    assert statuses.count(200) == 1 and statuses.count(409) == 19
    urls = {answer.json()["url"] for answer in answers}
    assert urls == {f"{hub.url}/spaces/racer/Prize"}
    assert len(set(hub.context.repositories.keys()) - before) == 1


@pytest.mark.req("API-30")
def test_a_name_used_again_is_another_space(hub: Hub) -> None:
    first = hub.space("anna/again")
    with hub.context.ledger.write() as tx:
        secrets.set_(tx, hub.context.keyring, first.key, "A", "old")
        variables.set_(tx, first.key, "B", "old")
    delete_space(hub.context, SYSTEM, SpaceId("anna", "AGAIN"))
    assert hub.wire.get("/api/spaces/anna/again").status == 401
    second = hub.space("anna/again")
    assert second.key != first.key and second.host_label == first.host_label
    with hub.context.ledger.read() as tx:
        assert secrets.names(tx, second.key) == [] and variables.of(tx, second.key) == {}
        told = [event.kind for event in events.of_space(tx, first.key)]
    assert told[0] is EventKind.SPACE_DELETED
    with pytest.raises(SpaceExists):
        hub.space("anna/again")


def test_a_new_space_has_everything_at_once(hub: Hub) -> None:
    space = hub.space("berta/page", Sdk.STATIC)
    assert space.head == hub.context.repositories.head(space.key)
    assert space.card is not None and space.card["sdk"] == "static"
    assert hub.context.repositories.exists(space.key)


CREATE = """
import sys
from pathlib import Path
from hub.create_space import NewSpace, create_space
from hub.parts import open_installation
from config.settings import Settings
from spaceport.actor import SYSTEM
from spaceport.ledger import accounts
from spaceport.sdk import Sdk
context = open_installation(Settings(data=Path(sys.argv[1]))).context
with context.ledger.write() as tx:
    accounts.create_user(tx, "ada")
create_space(context, SYSTEM, NewSpace("ada", "demo", Sdk.GRADIO))
"""


@pytest.mark.req("DUR-07")
@pytest.mark.parametrize(
    ("point", "there"),
    [
        ("create:before-rename", False),
        ("create:after-rename", False),
        ("space:after-repository", False),
        ("space:after-ledger", True),
    ],
)
def test_a_crash_leaves_a_whole_space_or_nothing(tmp_path: Path, point: str, there: bool) -> None:
    died = subprocess.run(
        [sys.executable, "-c", CREATE, str(tmp_path)],
        env={**os.environ, "SPACEPORT_FAILPOINTS": f"{point}=exit"},
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert died.returncode == 137
    context = make_context(tmp_path, 8080)
    Janitor(context).sweep()
    context.repositories.sweep()
    with context.ledger.read() as tx:
        found = spaces.by_id(tx, SpaceId("ada", "demo"))
    assert (found is not None) == there
    present = list(context.repositories.keys())
    assert present == ([found.key] if found else [])
    assert list((tmp_path / "repos" / "new").iterdir()) == []
    if not there:  # and trying again works without help
        create_space(context, SYSTEM, NewSpace("ada", "demo", Sdk.GRADIO))
    context.ledger.close()


def test_the_janitor_leaves_alone_who_creates(tmp_path: Path) -> None:
    context = make_context(tmp_path, 8080)
    with context.ledger.write() as tx:
        accounts.create_user(tx, "ada")
    with creating(tmp_path):
        context.repositories.create("a" * 24, {"x": b"y"}, Signature("Ada", "ada@example.org"))
        assert Janitor(context).sweep() == []
        with nobody_creating(tmp_path) as alone:
            assert not alone
    assert Janitor(context).sweep() == ["a" * 24]
    assert list(context.repositories.keys()) == []
    context.ledger.close()


def test_what_a_deleted_space_has_on_disk_goes(tmp_path: Path) -> None:
    context = make_context(tmp_path, 8080)
    with context.ledger.write() as tx:
        accounts.create_user(tx, "ada")
    space = create_space(context, SYSTEM, NewSpace("ada", "demo", Sdk.GRADIO))
    for name in ("logs", "checkouts"):
        (tmp_path / name / space.key).mkdir(parents=True)
    delete_space(context, SYSTEM, space.id)
    janitor = Janitor(context)
    assert janitor.sweep() == []  # the row still says whose it is
    janitor.remove_files(space.key)
    janitor.remove_files(space.key)
    assert not context.repositories.exists(space.key)
    assert not any((tmp_path / name / space.key).exists() for name in ("logs", "checkouts"))
    with context.ledger.write() as tx:
        spaces.purge(tx, space.key)
        assert spaces.keys(tx, deleted=True) == []
    context.ledger.close()
