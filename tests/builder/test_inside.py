"""The scripts that run in containers, run here by themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

INSIDE = Path(__file__).parents[2] / "builder" / "inside"


def run(script: str, *arguments: object, **options: str) -> str:
    command = [sys.executable, "-I", "-S", str(INSIDE / script), *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, env=options or None)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def module(venv: Path, content: str) -> Path:
    path = venv / "lib/python3/site-packages/pack/core.py"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    # What a hostile package says about itself: the very same as the honest one.
    info = venv / "lib/python3/site-packages/pack-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("pack/core.py,sha256=the-same-in-both,9\n")
    return path


def bytecode_of(path: Path) -> Path:
    tag = sys.implementation.cache_tag
    return path.parent / "__pycache__" / f"core.{tag}.pyc"


@pytest.mark.req("BLD-07")
def test_bytecode_is_keyed_by_content_and_not_by_what_a_package_says(tmp_path: Path) -> None:
    store = tmp_path / "store"
    honest, hostile, again = (tmp_path / name for name in ("honest", "hostile", "again"))
    first = module(honest, "WORD = 'honest'\n")
    second = module(hostile, "WORD = 'hostile'\n")
    third = module(again, "WORD = 'honest'\n")
    said = [run("bytecode.py", venv, store, "/env") for venv in (hostile, honest, again)]
    assert [line.strip() for line in said] == [
        "Bytecode: 0 modules from the store, 1 compiled.",
        "Bytecode: 0 modules from the store, 1 compiled.",
        "Bytecode: 1 modules from the store, 0 compiled.",
    ]
    assert b"honest" in bytecode_of(first).read_bytes()
    assert b"hostile" in bytecode_of(second).read_bytes()
    assert bytecode_of(first).samefile(bytecode_of(third))


def test_files_that_are_not_python_are_passed_over(tmp_path: Path) -> None:
    path = module(tmp_path / "venv", "def (\n")
    run("bytecode.py", tmp_path / "venv", tmp_path / "store", "/env")
    assert not bytecode_of(path).exists()


def test_launch(tmp_path: Path) -> None:
    code, app = tmp_path / "code", tmp_path / "app"
    (code / "sub").mkdir(parents=True)
    (code / "sub" / "small.txt").write_text("small")
    (code / "run.sh").write_text("#!/bin/sh\n")
    (code / "run.sh").chmod(0o755)
    (code / "large.bin").write_bytes(b"x" * 100)
    (code / "link").symlink_to("sub/small.txt")
    app.mkdir()
    (app / "old").mkdir()
    (app / "old" / "file").write_text("of the last run")
    show = "import os; print(os.getcwd(), sorted(os.listdir()), os.access('run.sh', os.X_OK))"
    said = run("launch.py", code, app, 100, sys.executable, "-c", show)
    assert said == f"{app} {['large.bin', 'link', 'run.sh', 'sub']} True\n"
    assert (app / "large.bin").readlink() == code / "large.bin"
    assert (app / "link").readlink() == Path("sub/small.txt")
    (app / "sub" / "small.txt").write_text("changed")
    assert (code / "sub" / "small.txt").read_text() == "small"


def test_launch_writes_streamlit_secrets(tmp_path: Path) -> None:
    import tomllib

    code, file = tmp_path / "code", tmp_path / "home" / ".streamlit" / "secrets.toml"
    code.mkdir()
    values = {"TOKEN": 'a "quoted" \\ word\nand é \U0001f600 line', "OTHER": "\x7f\x01"}
    show = "import os; print([n for n in os.environ if n.startswith('SPACEPORT')])"
    said = run(
        "launch.py",
        *(code, tmp_path / "app", 0, sys.executable, "-c", show),
        SPACEPORT_SECRETS_FILE=str(file),
        SPACEPORT_SECRET_NAMES="TOKEN,OTHER,ABSENT",
        PYTHONUTF8="1",
        **values,
    )
    assert said == "[]\n"
    assert tomllib.loads(file.read_text()) == values
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_stub_hook_replaces_only_that_function(tmp_path: Path) -> None:
    gradio = tmp_path / "gradio"
    gradio.mkdir()
    (gradio / "__init__.py").write_text("")
    (gradio / "component_meta.py").write_text(
        "def create_or_modify_pyi(a):\n    return 'rewritten'\ndef other():\n    return 'kept'\n"
    )
    (tmp_path / "sitecustomize.py").write_text("print('own sitecustomize')\n")
    ask = "from gradio import component_meta as m; print(m.create_or_modify_pyi('x'), m.other())"
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text((INSIDE / "sitecustomize.py").read_text())
    env = {"PYTHONPATH": f"{site}:{tmp_path}"}
    for more, expected in (({}, "None kept"), ({"SPACEPORT_FAST_START": "0"}, "rewritten kept")):
        ran = subprocess.run(
            [sys.executable, "-c", ask], env={**env, **more}, capture_output=True, text=True
        )
        assert ran.stdout == f"own sitecustomize\n{expected}\n", ran.stderr
