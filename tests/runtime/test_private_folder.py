"""Secrets of builds do not outlive them, not even when Spaceport is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runtime.engine import private_folder as module
from runtime.engine.private_folder import private_folder, remove_abandoned

HOLDS = """
import sys
from pathlib import Path
from runtime.engine import private_folder as module
module.MEMORY = Path(sys.argv[1])
with module.private_folder() as folder:
    (folder / "TOKEN").write_text("secret")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "MEMORY", tmp_path)
    return tmp_path


def test_it_is_gone_afterwards(memory: Path) -> None:
    with private_folder() as folder:
        assert folder.parent == memory
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not list(memory.iterdir())


def test_what_a_killed_process_left_is_removed_and_what_is_in_use_is_not(memory: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, memory],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout is not None
        folder = Path(other.stdout.readline().strip())
        remove_abandoned()
        assert (folder / "TOKEN").read_text() == "secret"
    finally:
        other.kill()
        other.communicate()
    assert folder.exists()
    remove_abandoned()
    assert not list(memory.iterdir())


def test_nothing_outside_is_followed(
    memory: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept = tmp_path_factory.mktemp("kept")
    (kept / "file").write_text("x")
    (memory / "spaceport-build-link").symlink_to(kept)
    remove_abandoned()
    assert (kept / "file").exists()
