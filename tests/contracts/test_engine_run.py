"""A program is run to its end by either engine: its lines, its exit code, and if it cannot run."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaceport.engine import EngineRefused, Mount, Network
from tests.contracts.conftest import Rig
from tests.contracts.programs import FOREVER

pytestmark = pytest.mark.engine


def test_run_streams_lines_and_tells_the_exit_code(rig: Rig) -> None:
    lines: list[str] = []
    spec = rig.spec("import sys; print('one'); print('twø', file=sys.stderr); sys.exit(7)")
    ended = rig.engine.run(spec, lines.append, timeout=60)
    assert (sorted(lines), ended.code, ended.out_of_memory) == (["one", "twø"], 7, False)
    assert rig.engine.list({}) == []


def test_lines_come_while_it_runs(rig: Rig, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    code = (
        "import os, time\nprint('first')\n"
        "while not os.path.exists('/go/now'): time.sleep(0.02)\nprint('second')"
    )
    lines: list[str] = []

    def output(line: str) -> None:
        lines.append(line)
        (tmp_path / "now").touch()  # only because the first line came does the program go on

    rig.engine.run(rig.spec(code, mounts=(Mount(tmp_path, "/go"),)), output, timeout=60)
    assert lines == ["first", "second"]


def test_a_line_without_an_end_and_a_very_long_one(rig: Rig) -> None:
    lines = rig.printed("import sys; print('x' * 300_000); sys.stdout.write('end')")
    assert "".join(lines) == "x" * 300_000 + "end"


def test_much_output_arrives_whole(rig: Rig) -> None:
    lines = rig.printed("for n in range(20_000): print(n)")
    assert lines == [str(n) for n in range(20_000)]


@pytest.mark.req("BLD-11")
def test_run_ends_in_time_and_leaves_nothing(rig: Rig) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(600)"
    with pytest.raises(TimeoutError):
        rig.engine.run(rig.spec(code), lambda _: None, timeout=1.5)
    assert rig.engine.list({}) == []


@pytest.mark.req("BLD-11")
def test_run_is_cancelled_and_leaves_nothing(rig: Rig) -> None:
    seen: list[str] = []
    with pytest.raises(InterruptedError):
        rig.engine.run(
            rig.spec("print('up')\n" + FOREVER),
            seen.append,
            timeout=60,
            cancelled=lambda: bool(seen),
        )
    assert seen == ["up"]
    assert rig.engine.list({}) == []


def test_a_missing_mount_is_refused(rig: Rig, tmp_path: Path) -> None:
    with pytest.raises(EngineRefused):
        rig.started(FOREVER, mounts=(Mount(tmp_path / "absent", "/data"),))
    assert rig.engine.list({}) == []


def test_a_missing_image_is_refused(rig: Rig) -> None:
    with pytest.raises(EngineRefused, match="No such image"):
        rig.started(FOREVER, image="spaceport-test:absent")


def test_a_command_that_is_not_there(rig: Rig) -> None:
    spec = rig.spec("", command=("no-such-program",))
    ended = rig.engine.run(spec, lambda _: None, timeout=60)
    assert ended.code == 127
    assert "no-such-program" in ended.error
    handle = rig.engine.start(spec)
    ended = rig.engine.wait(handle)
    assert "no-such-program" in ended.error


def test_a_low_priority_container_runs(rig: Rig) -> None:
    assert rig.printed("print('built')", low_priority=True, network=Network.BUILD) == ["built"]
