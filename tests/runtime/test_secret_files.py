"""What an app is given of its Space's secrets, and what its log hides (spaces-behaviour 5)."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess

import pytest

from runtime.secret_files import APP_UID, MEMORY
from spaceport.artifact import SECRETS_FILE
from spaceport.ledger import spaces, variables
from spaceport.ledger.columns import now
from spaceport.ledger.replicas import Replica
from spaceport.ledger.tables import secrets as secrets_table
from spaceport.ledger.tables import variables as variables_table
from tests.runtime.world import World, server
from tests.waiting import aeventually

pytestmark = pytest.mark.engine

OLD, NEW = "canary-of-yesterday-51", "canary-of-today-8817"
SHOW = """
FILE = "/run/secrets/TOKEN"
def shown():
    status = os.stat(FILE)
    print("it is", os.environ["TOKEN"], flush=True)
    return json.dumps([open(FILE).read() == os.environ["TOKEN"][:], len(os.environ["TOKEN"]),
                       oct(status.st_mode & 0o777), status.st_uid == os.getuid()])
"""
APP = server("@", first="import json" + SHOW).replace("'@'", "shown()")


async def test_as_file_and_environment_and_hidden_in_the_log_for_as_long_as_it_runs(
    world: World,
) -> None:
    world.start()
    key = world.space()
    world.secrets[key] = {"TOKEN": OLD}
    world.push(key, APP)
    await world.becomes(key, "RUNNING")
    owned = ["0o400", True] if os.geteuid() in (0, APP_UID) else ["0o444", False]
    await world.serves(key, json.dumps([True, len(OLD), *owned]))
    first = world.newest_replica(key)
    inspected = json.loads(await asyncio.to_thread(_inspect, first))
    inspected["Config"].pop("Env")
    assert OLD not in json.dumps(inspected)  # labels, arguments, paths, mounts: nowhere else

    await world.stop()
    world.secrets[key] = {"TOKEN": NEW}  # changed while nobody supervised; the app has the old one
    world.start()
    await world.get(key)
    await aeventually(lambda: any("it is" in line for line in world.run_log(key, first.id)[2:]))
    world.change_settings(key)
    await aeventually(lambda: world.newest_replica(key).id != first.id)
    await world.settled(key, 1)
    await world.serves(key, json.dumps([True, len(NEW), *owned]))
    second = world.newest_replica(key)
    await aeventually(lambda: "it is ********" in world.run_log(key, second.id))
    text = "\n".join(world.run_log(key, first.id) + world.run_log(key, second.id))
    assert OLD not in text
    assert NEW not in text

    folders = MEMORY / f"spaceport-{world.instance}-secrets"
    assert {folder.name for folder in folders.iterdir()} == {second.id}
    world.delete(key)
    await aeventually(lambda: not list(folders.iterdir()))


def _inspect(replica: Replica) -> str:
    words = ["docker", "inspect", "--format", "{{json .}}", replica.handle or ""]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


async def test_streamlit_is_told_which_go_into_its_own_file(world: World) -> None:
    world.start()
    key = world.space()
    world.secrets[key] = {"B": "2", "A": "1"}
    app = server("@").replace("'@'", "os.environ.get('SPACEPORT_SECRET_NAMES', 'none')")
    world.push(key, app, env={SECRETS_FILE: "/home/user/.streamlit/secrets.toml"})
    await world.serves(key, "A,B")
    world.push(key, app)
    await world.serves(key, "none")


async def test_a_change_costs_no_request(world: World) -> None:
    world.start()
    key = world.space()
    world.secrets[key] = {"TOKEN": OLD}
    app = server("@").replace("'@'", "os.environ['TOKEN']")
    world.push(key, app)
    await world.serves(key, OLD)
    answers: set[str] = set()
    ended = asyncio.Event()

    async def visit() -> None:
        while not ended.is_set():
            answers.add(await world.get(key))

    visitors = [asyncio.create_task(visit()) for _ in range(4)]
    world.secrets[key] = {"TOKEN": NEW}
    world.change_settings(key)
    await world.serves(key, NEW)
    await world.settled(key, 1)
    ended.set()
    await asyncio.gather(*visitors)
    assert answers == {OLD, NEW}


async def test_a_name_that_is_both_stops_the_space_until_one_is_deleted(world: World) -> None:
    """5.12: nobody can make it so, but a restored or edited ledger may hold it."""
    world.start()
    key = world.space()
    world.push(key, server())
    await world.serves(key, "hello")
    row = {"space_key": key, "name": "BOTH", "updated_at": now()}
    with world.ledger.write() as tx:
        tx.execute(variables_table.insert().values(**row, value="x"))
        tx.execute(secrets_table.insert().values(**row, version=1, sealed=b"x"))
        spaces.settings_changed(tx, key)
    await world.becomes(key, "CONFIG_ERROR")
    assert world.cause(key) == "NAME_COLLISION"
    await world.settled(key, 0)
    route = world.route(key)
    assert route is not None and route.target is None
    assert "Collision on variables and secrets names: BOTH" in route.cause
    with world.ledger.write() as tx:
        tx.execute(variables_table.delete())
        spaces.settings_changed(tx, key)
    await world.serves(key, "hello")


async def test_a_variable_of_a_static_space_takes_effect_without_a_container(world: World) -> None:
    world.start()
    key = world.space()
    world.push_folder(key, "<head>")
    await world.becomes(key, "RUNNING")
    with world.ledger.write() as tx:
        variables.set_(tx, key, "GREETING", "</script>")

    def told() -> bool:
        route = world.route(key)
        shown = getattr(route.target, "variables", {}) if route else {}
        return shown.get("GREETING") == "</script>"

    await aeventually(told)
    assert world.stage(key) == "RUNNING"
