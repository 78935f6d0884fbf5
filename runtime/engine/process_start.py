"""Start a keeper, give it its network, and hand it the launch."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spaceport.engine import EngineRefused

KEEPER = Path(__file__).with_name("process_keeper.py")
_started: list[subprocess.Popen[bytes]] = []


def start_keeper(
    folder: Path,
    launch: Mapping[str, Any],
    *,
    own_network: bool,
    attach: Callable[[int], None],
) -> None:
    """Returns once the command runs. Raises `EngineRefused`; then no process is left.

    `attach` is called with the keeper's number when its network namespace is there.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(KEEPER), str(folder), "own" if own_network else "host"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        start_new_session=True,
    )
    try:
        _expect(process, b"ready")
        attach(process.pid)
        _send(process, launch)
        _expect(process, b"started")
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
    _keep_for_reaping(process)


def _expect(process: subprocess.Popen[bytes], word: bytes) -> None:
    line = process.stdout.readline().strip() if process.stdout is not None else b""
    if line != word:
        said = line.removeprefix(b"failed ") or (process.stderr.read() if process.stderr else b"")
        raise EngineRefused(said.decode(errors="replace").strip()[-500:] or "it did not start")


def _send(process: subprocess.Popen[bytes], launch: Mapping[str, Any]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(launch).encode())
            process.stdin.close()


def _keep_for_reaping(process: subprocess.Popen[bytes]) -> None:
    _started.append(process)
    reap()


def reap() -> None:
    """Take the exit of keepers that have ended, so that they do not stay as zombies."""
    for process in tuple(_started):
        if process.poll() is not None:
            with contextlib.suppress(ValueError):
                _started.remove(process)
