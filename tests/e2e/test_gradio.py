"""A Gradio Space as people push it: the example, by real git, used by the real client."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file

from spaceport.ledger import Ledger, spaces
from spaceport.ledger.database import sqlite_url
from spaceport.names import SpaceId
from spaceport.stage import Wanted
from tests.e2e.server import Server

ROOT = Path(__file__).parents[2]
SPACE = "ada/reading-room"

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def running(spaceport: Server) -> Iterator[Server]:
    spaceport.user("ada")
    spaceport.create_space(SPACE, "gradio")
    pushed = spaceport.push(SPACE, ROOT / "examples" / "gradio-chat")
    assert pushed.returncode == 0, pushed.stderr
    assert f"/spaces/{SPACE}" in pushed.stderr  # the pusher is told where to look
    spaceport.reaches(SPACE, "RUNNING", timeout=240)
    yield spaceport
    spaceport.delete_space(SPACE)


def client(server: Server) -> Client:
    return Client(f"http://{server.app_host(SPACE)}/", verbose=False, httpx_kwargs={"timeout": 30})


def test_the_real_client_predicts(running: Server, tmp_path: Path) -> None:
    app = client(running)
    assert app.predict("Grace", api_name="/greet") == "Hello, Grace!"
    text = tmp_path / "tale.txt"
    text.write_text("The cat sleeps. The dog barks at the moon. Nobody listens.")
    counted = app.predict(handle_file(str(text)), api_name="/count_words")
    assert counted["words"] == 11
    said = app.predict("What does the dog do?", handle_file(str(text)), api_name="/chat")
    assert "barks at the moon" in str(said)


def put_to_sleep(server: Server) -> None:
    """As 48 hours without a visitor do."""
    ledger = Ledger(sqlite_url(server.data), migrate=False)
    with ledger.write() as tx:
        space = spaces.by_id(tx, SpaceId.parse(SPACE))
        assert space is not None
        spaces.want(tx, space.key, Wanted.ASLEEP)
    ledger.close()
    server.reaches(SPACE, "SLEEPING")
    server.cli("space", "info", SPACE)  # to look is not to use
    assert server.runtime(SPACE)["stage"] == "SLEEPING"


@pytest.mark.req("RUN-12")
def test_real_programs_wait_for_a_sleeping_space_and_lose_nothing(
    running: Server, tmp_path: Path
) -> None:
    app = client(running)
    assert app.predict("Grace", api_name="/greet") == "Hello, Grace!"
    put_to_sleep(running)
    assert app.predict("Ada", api_name="/greet") == "Hello, Ada!"  # one that was open before
    put_to_sleep(running)
    words = tmp_path / "call.json"  # as long as nothing that fits into a socket's buffers
    words.write_text(json.dumps({"data": ["x" * 2_000_000]}))
    address = f"http://{running.app_host(SPACE)}/gradio_api/call/greet"
    posted = ["curl", "-sS", "-m", "60", "-w", " %{http_code}", "-H", "Expect:"]
    posted += ["-H", "Content-Type: application/json", "-d", f"@{words}", address]
    first = subprocess.Popen(posted, stdout=subprocess.PIPE, text=True)
    late = client(running)  # a new one: its first call is what waits
    assert late.predict("Linus", api_name="/greet") == "Hello, Linus!"
    event, _, status = first.communicate(timeout=60)[0].rpartition(" ")
    assert status == "200"
    assert "event_id" in json.loads(event)
    answer = running.visit(SPACE, headers={"Accept": "text/html"})
    assert answer.status == 200


def test_answers_stream_word_by_word(running: Server) -> None:
    job = client(running).submit("hello", None, api_name="/chat")
    job.result(timeout=30)
    assert len(job.outputs()) > 3


def test_a_code_push_swaps_without_a_failed_request(running: Server, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(ROOT / "examples" / "gradio-chat", changed)
    app = changed / "app.py"
    app.write_text(app.read_text().replace('"Hello")', '"Good morning")'))
    host = running.app_host(SPACE)
    failed: list[int] = []
    ended = threading.Event()

    def keep_asking() -> None:
        while not ended.is_set():
            status = running.get("/config", host=host).status
            if status != 200:
                failed.append(status)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    before = running.runtime(SPACE)["sha"]
    try:
        pushed = running.push(SPACE, changed, "Be polite in the morning")
        assert pushed.returncode == 0, pushed.stderr
        running.reaches_revision(SPACE, not_=before)
    finally:
        ended.set()
        asking.join()
    assert not failed
    assert client(running).predict("Grace", api_name="/greet") == "Good morning, Grace!"


def test_a_broken_push_never_takes_it_down(running: Server, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(ROOT / "examples" / "gradio-chat", broken)
    (broken / "app.py").write_text("import a_module_that_is_not_there\n")
    assert running.push(SPACE, broken, "Break it").returncode == 0
    told = running.tells_failure(SPACE)
    assert told["stage"] == "RUNNING"
    assert "a_module_that_is_not_there" in told["errorMessage"]
    assert client(running).predict("Grace", api_name="/greet").endswith("Grace!")


def test_both_logs_can_be_read(running: Server) -> None:
    assert "Build succeeded" in running.logs(SPACE, "build")
    assert "Application Startup" in running.logs(SPACE, "run")
