"""What bubblewrap is told, and how paths are mended where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.engine.process_launch import Place, Sources, Tools, launch, plain, sandbox
from spaceport.engine import ContainerSpec, Limits, Mount, Tmpfs


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for folder in ("usr/bin", "opt/other", "proc", "tmp", "etc"):
        (root / folder).mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    return root


def place(tmp_path: Path, tree: Path) -> Place:
    return Place(tmp_path / "c1", tree, {"PATH": "/usr/local/bin:/bin"}, None, 70003)


def pairs(options: list[str], name: str) -> list[tuple[str, str]]:
    return [
        (options[at + 1], options[at + 2]) for at, option in enumerate(options) if option == name
    ]


def test_the_tree_is_read_only_and_mount_points_in_it_can_be_made(
    tmp_path: Path, tree: Path
) -> None:
    spec = ContainerSpec("n", "i", mounts=(Mount(Path("/srv/env"), "/opt/env"),))
    options = sandbox(spec, place(tmp_path, tree), Tools("bwrap", True), Sources(False))
    bound = dict(pairs(options, "--ro-bind"))
    assert bound[str(tree / "usr")] == "/usr"
    assert bound[str(tree / "opt" / "other")] == "/opt/other"
    assert str(tree / "opt") not in bound
    assert bound["/srv/env"] == "/opt/env"
    assert ("usr/bin", "/bin") in pairs(options, "--symlink")
    assert options.index("--remount-ro") > options.index("/opt/env")


def test_roots_sources_are_gathered_in_one_place(tmp_path: Path, tree: Path) -> None:
    spec = ContainerSpec("n", "i", command=("a",), mounts=(Mount(Path("/srv/x"), "/x"),))
    found = launch(spec, place(tmp_path, tree), Tools("bwrap", True, b"filter", root=True))
    number = found["staged"].index("/srv/x")
    assert (f"/mnt/{number}", "/x") in pairs(found["sandbox"], "--ro-bind")
    assert found["uid"] == 70003
    assert found["command"] == ["bwrap", "a"]


def test_without_groups_memory_is_limited_by_process(tmp_path: Path, tree: Path) -> None:
    spec = ContainerSpec("n", "i", limits=Limits(memory=1000, nofile=99))
    found = launch(spec, place(tmp_path, tree), Tools("bwrap"))
    assert found["rlimits"] == {"RLIMIT_NOFILE": 99, "RLIMIT_CORE": 0, "RLIMIT_DATA": 1000}


def test_sizes_only_where_bubblewrap_knows_them(tmp_path: Path, tree: Path) -> None:
    spec = ContainerSpec("n", "i", tmpfs=(Tmpfs("/scratch", 77),))
    for can_size in (True, False):
        options = sandbox(spec, place(tmp_path, tree), Tools("b", can_size), Sources(False))
        assert ("77" in options) is can_size


def test_without_a_sandbox_paths_of_mounts_become_the_hosts(tmp_path: Path, tree: Path) -> None:
    spec = ContainerSpec(
        "n",
        "i",
        command=("/env/bin/python", "/app/app.py", "--in=/app", "/application", "/x/app"),
        env={"PYTHONPATH": "/app:/app/lib:/hook", "URL": "http://h/app"},
        working_dir="/app",
        mounts=(Mount(Path("/srv/code"), "/app"), Mount(Path("/srv/env"), "/env")),
    )
    command, env, cwd = plain(spec, place(tmp_path, tree))
    assert command == [
        "/srv/env/bin/python", "/srv/code/app.py", "--in=/srv/code", "/application", "/x/app",
    ]  # fmt: skip
    assert env["PYTHONPATH"] == "/srv/code:/srv/code/lib:/hook"
    assert env["URL"] == "http://h/app"
    assert env["PATH"] == f"{tmp_path}/c1/bin:/bin"
    assert cwd == "/srv/code"
