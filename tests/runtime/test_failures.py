"""Apps that do not start, or end: the cause in the ledger, the stage, and the run log."""

from __future__ import annotations

import asyncio

import pytest

from config.runtime import CrashSettings, StartSettings
from runtime.placement import Capacity
from spaceport.artifact import ArtifactKind
from tests.runtime.world import QUICK, World, server
from tests.waiting import aeventually

pytestmark = [pytest.mark.engine, pytest.mark.req("RUN-11")]

MIB = 1024**2
EATER = "import time\nkept = []\nwhile True:\n    kept.append(b'x' * 8_000_000)\n"
FAILING = [
    ("import sklearn", "MODULE_NOT_FOUND", "sklearn"),
    ("def f(:\n  pass", "SYNTAX_ERROR", "line 1"),
    ("print('hello')", "APP_FINISHED", "exit code 0"),
    ("import os; os.environ['API_KEY']", "APP_CRASHED", "KeyError: 'API_KEY'"),
    ("raise SystemExit(3)", "APP_CRASHED", "exit code 3"),
    (
        "import pickle, pathlib\npathlib.Path('/tmp/m.pkl').write_bytes("
        "b'version https://git-lfs.github.com/spec/v1\\n')\n"
        "pickle.load(open('/tmp/m.pkl', 'rb'))",
        "LFS_POINTER",
        "m.pkl",
    ),
]


@pytest.mark.parametrize(("code", "cause", "word"), FAILING, ids=[row[1] for row in FAILING])
async def test_an_app_that_ends_at_its_start(
    world: World, code: str, cause: str, word: str
) -> None:
    key = world.space()
    world.push(key, code)
    world.start()
    await world.becomes(key, "RUNTIME_ERROR")
    told = world.view(key).standing.explanation
    assert told is not None
    assert (told.cause.name, word in told.sentence) == (cause, True)
    await world.settled(key, 0)
    route = world.route(key)
    assert route is not None
    assert (route.stage.value, route.cause, route.hint) == (
        "RUNTIME_ERROR",
        told.sentence,
        told.hint,
    )
    last = world.run_log(key)[-1]
    assert last == f"===== Application ended: {told.sentence.rstrip('.')} ====="


@pytest.mark.req("RUN-05")
async def test_killed_for_memory(world: World) -> None:
    key = world.space()
    world.push(key, EATER)
    supervisor = world.start()
    supervisor._tools.host.capacity = Capacity(2, 128 * MIB)
    await world.becomes(key, "RUNTIME_ERROR")
    told = world.view(key).standing.explanation
    assert told is not None
    assert told.sentence == "Memory limit exceeded (64Mi)."


ELSEWHERE = [
    (server(port=5000), "WRONG_PORT", "port 5000"),
    (server(address="127.0.0.1"), "LOOPBACK_ONLY", "127.0.0.1"),
]


@pytest.mark.parametrize(("code", "cause", "word"), ELSEWHERE, ids=[row[1] for row in ELSEWHERE])
async def test_listening_elsewhere_is_told_while_waiting_and_at_the_end(
    world: World, code: str, cause: str, word: str
) -> None:
    key = world.space()
    world.push(key, code, {"sdk": "gradio", "startup_duration_timeout": "5s"})
    world.start()
    await aeventually(lambda: world.cause(key) == cause)
    route = world.route(key)
    assert world.stage(key) == "APP_STARTING"
    await aeventually(lambda: word in getattr(world.route(key), "cause", ""))
    assert route is not None
    await world.becomes(key, "RUNTIME_ERROR")
    assert world.cause(key) == cause
    await world.settled(key, 0)


async def test_an_operator_may_have_it_fail_at_once(world: World) -> None:
    key = world.space()
    start = StartSettings(misplaced_notice=0.1, misplaced_fail=0.5)
    world.settings = QUICK.model_copy(update={"start": start})
    world.push(key, server(port=5000))
    world.start()
    await world.becomes(key, "RUNTIME_ERROR")
    assert world.cause(key) == "WRONG_PORT"


SILENT = [
    ("import time; time.sleep(99)", "NEVER_LISTENED", "never opened port 7860"),
    (server(status=500), "NEVER_ANSWERED", "it answered 500"),
    (
        "import socket, time\ns = socket.create_server(('', 7860))\nwhile True: "
        "c = s.accept()[0]; c.recv(99); c.sendall(b'220 mail\\r\\n'); c.close()",
        "NEVER_ANSWERED",
        "not HTTP",
    ),
]


@pytest.mark.parametrize(("code", "cause", "word"), SILENT, ids=["silent", "500", "not-http"])
async def test_start_up_time_over(world: World, code: str, cause: str, word: str) -> None:
    key = world.space()
    world.push(key, code, {"sdk": "gradio", "startup_duration_timeout": "2s"})
    world.start()
    await world.becomes(key, "RUNTIME_ERROR")
    told = world.view(key).standing.explanation
    assert told is not None
    assert told.cause.name == cause
    assert word in told.sentence
    assert "Launch timed out, the app was not healthy after 2 s" in told.sentence
    await world.settled(key, 0)
    assert world.run_log(key)[-1] == "===== Application ended: stopped ====="


@pytest.mark.parametrize("status", [404, 302])
async def test_any_answer_below_500_is_healthy(world: World, status: int) -> None:
    key = world.space()
    world.push(key, server("x", status=status))
    world.start()
    await world.becomes(key, "RUNNING")


async def test_the_base_path_of_the_readme_is_what_is_asked(world: World) -> None:
    key = world.space()
    only = "if self.path != '/docs': return self.send_error(500)"
    world.push(key, server("x", before=only), {"sdk": "gradio", "base_path": "/docs"})
    world.start()
    await world.becomes(key, "RUNNING")


async def test_a_command_that_does_not_exist(world: World) -> None:
    key = world.space()
    world.push(key, "", command=("no-such-program", "--serve"))
    world.start()
    await world.becomes(key, "RUNTIME_ERROR")
    assert world.cause(key) == "COMMAND_NOT_FOUND"
    told = world.view(key).standing.explanation
    assert told is not None
    assert "no-such-program" in told.sentence
    await world.settled(key, 0)
    assert "could not be run" in world.run_log(key)[-1]


async def test_an_image_that_is_not_there(world: World) -> None:
    key = world.space()
    world.push(key, "", kind=ArtifactKind.IMAGE, image="spaceport-none:1", command=None)
    world.start()
    await world.becomes(key, "RUNTIME_ERROR")
    assert world.cause(key) == "START_FAILED"


CRASHES_ON_REQUEST = server("x", before="os._exit(4) if self.path == '/crash' else None")


async def test_a_crash_is_followed_by_a_restart(world: World) -> None:
    key = world.space()
    world.push(key, CRASHES_ON_REQUEST)
    world.start()
    await world.serves(key, "x")
    first = world.newest_replica(key)
    await world.get(key, "/crash")
    await aeventually(lambda: world.newest_replica(key).id != first.id)
    await world.serves(key, "x")
    assert world.view(key).standing.stage.value == "RUNNING"
    assert world.cause(key) == ""
    assert "exit code 4" in world.run_log(key, first.id)[-1]
    await world.settled(key, 1)


async def test_an_app_that_crashes_too_often_is_left_stopped_until_someone_acts(
    world: World,
) -> None:
    key = world.space()
    world.push(key, CRASHES_ON_REQUEST)
    world.settings = QUICK.model_copy(update={"crash": CrashSettings(limit=1, backoff=0.1)})
    world.start()
    for _ in range(2):
        await world.serves(key, "x")
        await world.get(key, "/crash")
        await aeventually(lambda: world.stage(key) != "RUNNING")
    await world.becomes(key, "RUNTIME_ERROR")
    assert world.cause(key) == "APP_CRASHED"
    await asyncio.sleep(0.5)
    await world.settled(key, 0)
    world.restart(key)
    await world.serves(key, "x")


async def test_while_it_is_restarted_people_read_what_happened(world: World) -> None:
    key = world.space()
    world.push(key, CRASHES_ON_REQUEST)
    crash = CrashSettings(limit=3, backoff=60)
    world.settings = QUICK.model_copy(update={"crash": crash})
    world.start()
    await world.serves(key, "x")
    await world.get(key, "/crash")
    await aeventually(lambda: world.cause(key) == "APP_CRASHED")
    assert world.stage(key) == "APP_STARTING"
    await aeventually(lambda: "exit code 4" in getattr(world.route(key), "cause", ""))
    world.push(key, server("mended"))
    await world.serves(key, "mended")


@pytest.mark.req("RUN-04")
async def test_secret_values_reach_neither_log_nor_cause(world: World) -> None:
    key = world.space()
    world.secrets[key] = {"TOKEN": "correct-horse-battery"}
    world.push(key, "import os; print(os.environ['TOKEN']); raise ValueError(os.environ['TOKEN'])")
    world.start()
    await world.becomes(key, "RUNTIME_ERROR")
    told = world.view(key).standing.explanation
    assert told is not None
    assert "ValueError: ********" in told.sentence
    assert "correct-horse" not in "".join(world.run_log(key))
    assert "correct-horse" not in (world.data / "ledger.sqlite3").read_bytes().decode("latin1")
