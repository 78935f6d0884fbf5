"""A process that waited does what the plain command does: each app is run both ways."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builder.test_inside import INSIDE
from tests.e2e.server import free_port
from tests.waiting import eventually

SHOWS = """
import json, os, sys, __main__
own = {k: repr(v) for k, v in vars(__main__).items() if k not in ("__builtins__", "__loader__")}
own["loader"] = type(__main__.__loader__).__name__
env = sorted(os.environ.items())
print(json.dumps([sys.argv, sys.orig_argv, sys.path, sorted(own.items()), os.getcwd(), env]))
"""
APPS = {
    "shows": ("app.py", SHOWS),
    "below": ("src/app.py", "import beside\n" + SHOWS),
    "module": ("-m beside one two", "never run"),
    "raises": ("app.py", "import os\n\n\ndef f():\n    1 / 0\n\n\nf()\n"),
    "not python": ("app.py", "x = 1\nif x\n    pass\n"),
    "exit code": ("app.py", "import sys\nsys.exit(7)\n"),
    "exit words": ("app.py", "import sys\nsys.exit('that was all')\n"),
    "own hook": ("app.py", "import sys\nsys.excepthook = lambda *a: print(a[0])\n1 / 0\n"),
    "other encoding": ("app.py", "# coding: latin-1\nprint('\\xe9')\n"),
    "pickles": ("app.py", "import pickle\nclass A: pass\nprint(pickle.loads(pickle.dumps(A())))\n"),
    "own colorsys": ("app.py", "import colorsys\nprint(colorsys.__file__)\n"),
    "missing": ("absent.py", "never run"),
    "options": ("-u app.py", "print('unbuffered')"),
    "ends late": (
        "app.py",
        "import atexit, threading\natexit.register(print, 'at exit')\n"
        "threading.Timer(0.05, print, ['thread']).start()\nprint('end')\n",
    ),
}


def command(tmp: Path, app: str) -> list[str]:
    launcher = [sys.executable, "-I", "-S", str(INSIDE / "launch.py")]
    return [*launcher, str(tmp / "code"), str(tmp / "app"), "0", sys.executable, *app.split()]


@pytest.mark.parametrize("name", APPS)
def test_it_is_the_same_as_the_plain_start(name: str, tmp_path: Path) -> None:
    app, text = APPS[name]
    code = tmp_path / "code"
    code.mkdir()
    file = code / ("app.py" if app.startswith("-") or app == "absent.py" else app)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="latin-1")
    (file.parent / "beside.py").write_text("import sys\nprint(__name__, sys.argv, sys.path)\n")
    if name == "own colorsys":
        (code / "colorsys.py").write_text("")
    platform = {"PATH": os.defpath, "PYTHONPATH": str(tmp_path / "app")}
    env = {**platform, "SPACE_ID": "ada/x", "TOKEN": "s3cret"}
    words = command(tmp_path, app)
    plain = subprocess.run(words, env=env, capture_output=True, text=True)
    waited = ordered(tmp_path, platform, words, env)
    assert waited == (plain.returncode, without_address(plain.stdout), plain.stderr)


def without_address(text: str) -> str:
    head, at, rest = text.partition(" at 0x")
    return head + at + rest.lstrip("0123456789abcdef")


def ordered(
    tmp: Path, platform: dict[str, str], words: list[str], env: dict[str, str]
) -> tuple[int, str, str]:
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            str(INSIDE / "prestart.py"),
            str(tmp / "app"),
            "json",
            "colorsys",
            "nosuch",
        ],
        env={**platform, "SPACEPORT_PRESTART": f"{port}:k1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert greeted(port, "a stranger", "") == ""
    assert "read" in json.loads(greeted(port, "k1", '{"command": ["half an ord'))
    told = greeted(port, "k1", json.dumps({"command": words, "env": env}) + "\n", answers=2)
    assert json.loads(told.splitlines()[1]) == {"ok": True}
    out, error = process.communicate(timeout=60)
    return process.returncode, without_address(out), error


def greeted(port: int, key: str, order: str, answers: int = 1) -> str:
    """What is answered to the key and the order; then we leave."""
    with eventually(lambda: connected(port)) as caller, caller.makefile("rw") as lines:
        lines.write(f"{key}\n{order}")
        lines.flush()
        return "".join(lines.readline() for _ in range(answers))


def connected(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port), 20)
    except ConnectionRefusedError:
        return None
