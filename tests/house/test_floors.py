"""The rooms and floors of the architecture hold (docs/architecture.md)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = {
    "spaceport": 0,
    "config": 1,
    "gitserver": 2,
    "hooks": 3,
    "builder": 3,
    "runtime": 3,
    "hub": 4,
}
HOME_OF = {  # a library and the only files that may import it
    "dulwich": "gitserver/",
    "paramiko": "gitserver/ssh",
    "docker": "runtime/engine/docker",
}
MOST_LINES = 400


def sources(package: str) -> Iterator[Path]:
    return (ROOT / package).rglob("*.py")


def imports(file: Path) -> Iterator[tuple[str, int]]:
    """The top-level package of each import, with its line."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0], node.lineno


@pytest.mark.parametrize("package", FLOORS)
def test_a_module_imports_only_from_floors_below_its_own(package: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in sources(package)
        for name, line in imports(file)
        if name in FLOORS and name != package and FLOORS[name] >= FLOORS[package]
    ]
    assert not wrong


@pytest.mark.parametrize("package", ["runtime", "config"])
def test_these_never_import_the_git_server(package: str) -> None:
    assert not [
        f"{file}:{line}"
        for file in sources(package)
        for name, line in imports(file)
        if name == "gitserver"
    ]


@pytest.mark.parametrize("library", HOME_OF)
def test_a_library_is_imported_only_at_its_home(library: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line}"
        for package in FLOORS
        for file in sources(package)
        for name, line in imports(file)
        if name == library and not str(file.relative_to(ROOT)).startswith(HOME_OF[library])
    ]
    assert not wrong


def test_no_file_has_two_subjects() -> None:
    files = [file for package in (*FLOORS, "benchmarks", "tests") for file in sources(package)]
    long = {
        str(file.relative_to(ROOT)): lines
        for file in files
        if (lines := len(file.read_text().splitlines())) > MOST_LINES
        and "migrations" not in file.parts
    }
    assert not long


def test_every_top_level_package_is_named_in_the_wheel() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert all(f'"{package}"' in text for package in FLOORS)
