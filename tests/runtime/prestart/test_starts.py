"""An app that starts in a process which waited for it is the same app."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from config.storage import StorageSettings
from runtime.prestart.kind import PORT
from spaceport.ledger import variables
from spaceport.stage import Wanted
from tests.runtime.prestart.conftest import Waited
from tests.runtime.world import server
from tests.waiting import aeventually

pytestmark = pytest.mark.engine

ABOUT = """
import json, os, signal, sys
import __main__, helper, colorsys
def about():
    own = {k: repr(v) for k, v in vars(__main__).items() if k.startswith("__")}
    own["__builtins__"] = type(__main__.__builtins__).__name__
    own["__loader__"] = type(__main__.__loader__).__name__
    return json.dumps({
        "env": dict(os.environ), "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path,
        "cwd": os.getcwd(), "main": own, "files": sorted(os.listdir()), "uid": os.getuid(),
        "helper": helper.__file__, "signals": [repr(signal.getsignal(n)) for n in (2, 15, 17)],
        "open": len(os.listdir("/proc/self/fd")), "code": sorted(os.listdir("/opt/spaceport/code")),
        "umask": os.umask(0o022), "flags": repr(sys.flags), "nice": os.nice(0),
        "stdin": os.readlink("/proc/self/fd/0"),
    })
"""
APP = ABOUT + server("about").replace("'about'.encode()", "about().encode()")
HELPER = "VALUE = 1\n"
CANARY = "canary-3b1f0c77"


async def told(world: Waited, key: str) -> dict[str, Any]:
    await world.becomes(key, "RUNNING")

    async def answer() -> str:  # the route follows the ledger a moment later
        body = await world.get(key)
        return body if body.startswith("{") else ""

    found: dict[str, Any] = json.loads(await aeventually(answer))
    return found


def hosts_differ(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name != "HOSTNAME"}


@pytest.mark.req("RUN-01", "RUN-04", "KEY-06", "KEY-03")
async def test_the_app_sees_no_difference_and_its_secrets_are_nowhere(waited: Waited) -> None:
    key = waited.space()
    waited.secrets[key] = {"TOKEN": CANARY, "ODD": 'a\n"b" é'}
    waited.push_app(key, APP, **{"helper.py": HELPER})
    with waited.ledger.write() as tx:
        variables.set_(tx, key, "GREETING", "hello")
    waited.start()
    plain = await told(waited, key)
    assert not waited.was_prepared(key)
    await waited.one_waits()
    await waited.restarted(key)
    prepared = await told(waited, key)
    assert waited.was_prepared(key)
    assert hosts_differ(prepared.pop("env")) == hosts_differ(plain.pop("env"))
    assert prepared == plain
    assert CANARY not in command_lines()
    assert not in_files(waited.data, CANARY)
    replica = waited.newest_replica(key)
    listening = await asyncio.to_thread(waited.engine.listening, replica.handle or "")
    assert [at.port for at in listening] == [7860]
    assert PORT not in [at.port for at in listening]


def command_lines() -> str:
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            found.append((process / "cmdline").read_text(errors="replace"))
    return "\n".join(found)


def in_files(folder: Path, text: str) -> list[Path]:
    found = []
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file() and text.encode() in path.read_bytes():
                found.append(path)
    return found


async def test_it_ends_as_any_other(waited: Waited) -> None:
    """TERM, an exit code, and a traceback that knows nothing of how it was started."""
    first, second = waited.space("first"), waited.space("second")
    waited.push_app(first, server("one"))
    waited.start()
    await waited.serves(first, "one")
    await waited.one_waits()
    waited.push_app(second, "def broken():\n    raise LookupError('of the app')\nbroken()\n")
    await waited.becomes(second, "RUNTIME_ERROR")
    replica = waited.newest_replica(second)
    lines = [line for line in waited.run_log(second, replica.id) if not line.startswith("=====")]
    assert lines[:6] == [
        "Traceback (most recent call last):",
        '  File "/home/user/app/app.py", line 3, in <module>',
        "    broken()",
        '  File "/home/user/app/app.py", line 2, in broken',
        "    raise LookupError('of the app')",
        "LookupError: of the app",
    ]
    assert replica.failure is not None and replica.failure.detail["exit_code"] == 1
    waited.want(second, Wanted.PAUSED)
    await waited.one_waits()
    await waited.restarted(first)
    assert waited.was_prepared(first)
    handle = waited.newest_replica(first).handle or ""
    await asyncio.to_thread(waited.engine.stop, handle, 20)
    ended = await asyncio.to_thread(waited.engine.inspect, handle)
    assert ended.exit is not None and ended.exit.code == 143  # by TERM, not by KILL after it


async def test_one_is_prepared_again_and_none_without_a_use(waited: Waited) -> None:
    key = waited.space()
    waited.push_app(key, server("v1"))
    waited.start()
    await waited.serves(key, "v1")
    await waited.one_waits()
    (before,) = [one.handle for one in waited.prepared()]
    waited.push_app(key, server("v2"))
    await waited.serves(key, "v2")
    assert waited.was_prepared(key)
    assert waited.newest_replica(key).handle == before
    await waited.one_waits()
    waited.want(key, Wanted.ASLEEP)
    await waited.becomes(key, "SLEEPING")
    waited.want(key, Wanted.RUNNING)
    await waited.serves(key, "v2")
    assert waited.was_prepared(key)
    await waited.one_waits()
    waited.delete(key)
    await aeventually(lambda: not waited.containers(), 30)
    await aeventually(lambda: not list((waited.data / "prestarted").iterdir()), 30)


async def test_an_app_that_would_be_imported_otherwise_starts_anew(waited: Waited) -> None:
    """A variable that a numerical library reads; a module of the app in the place of another."""
    key = waited.space()
    waited.push_app(key, server("v1"))
    waited.start()
    await waited.serves(key, "v1")
    await waited.one_waits()
    (waits,) = [one.handle for one in waited.prepared()]
    with waited.ledger.write() as tx:
        variables.set_(tx, key, "OMP_NUM_THREADS", "7")
    before = waited.newest_replica(key)
    waited.change_settings(key)
    await waited.replaced(key, before)
    assert not waited.was_prepared(key)
    assert [one.handle for one in waited.prepared()] == [waits]
    with waited.ledger.write() as tx:
        variables.remove(tx, key, "OMP_NUM_THREADS")
    own = "print('my own', flush=True)\n"
    waited.push_app(key, "import colorsys\n" + server("v2"), **{"colorsys.py": own})
    await waited.serves(key, "v2")
    assert waited.was_prepared(key)  # the container waited, the interpreter is a new one
    assert "my own" in waited.run_log(key)


WRITES = """
import os, shutil
def about():
    text = open("/run/secrets/KEY").read() if os.path.exists("/run/secrets/KEY") else "none"
    with open("/tmp/file", "w") as file:
        file.write(text)
    total = shutil.disk_usage("/tmp").total
    same = os.stat("/tmp").st_dev == os.stat("/home/user").st_dev
    return f"{text} {total > 10 * 2**30} {same}"
""" + server("about").replace("'about'.encode()", "about().encode()")


@pytest.mark.req("RUN-06", "KEY-06")
async def test_its_disk_and_the_folder_of_its_secrets_waited_with_it(waited: Waited) -> None:
    """With Docker: a sandbox of the process engine has its files in memory."""
    storage = StorageSettings(scratch=True)
    waited.settings = waited.settings.model_copy(update={"storage": storage})
    waited.start()
    key = waited.space()
    waited.secrets[key] = {"KEY": "first"}
    waited.push_app(key, WRITES)
    await waited.becomes(key, "RUNNING")
    plain = (await told_text(waited, key, "first")).split()
    await waited.one_waits()
    waited.secrets[key] = {"KEY": "second"}
    await waited.restarted(key)
    assert waited.was_prepared(key)
    prepared = (await told_text(waited, key, "second")).split()
    assert prepared[1:] == plain[1:]
    held = [one for one in waited.newest_replica(key).holds if "scratch" in one]
    assert len(held) == (1 if plain[1] == "True" else 0)
    assert waited.supervisor is not None
    await asyncio.to_thread(waited.supervisor.storage.sweep)  # it is in use, and stays
    assert (await told_text(waited, key, "second")).split() == prepared
    waited.want(key, Wanted.PAUSED)
    await aeventually(lambda: not waited.view(key).replicas, 30)
    files = waited.supervisor._tools.secret_files
    await aeventually(lambda: not files.laid(), 30)


async def told_text(world: Waited, key: str, begins: str) -> str:
    async def answer() -> str:
        body = await world.get(key)
        return body if body.startswith(begins) else ""

    return await aeventually(answer, 30)
