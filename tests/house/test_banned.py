"""What must never be in the code (security contract SC-05, SC-06)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("spaceport", "config", "gitserver", "hooks", "builder", "runtime", "hub")
FILES = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]


def calls(file: Path) -> list[tuple[str, ast.Call]]:
    found = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))
    return [(ast.unparse(node.func), node) for node in found]


@pytest.mark.req("SC-06")
def test_no_banned_call() -> None:
    banned = {"eval", "exec", "yaml.load", "tempfile.mktemp", "os.system", "pickle.loads"}
    assert not [
        f"{file}:{node.lineno} {name}"
        for file in FILES
        for name, node in calls(file)
        if name in banned
        or any(k.arg == "shell" and ast.unparse(k.value) == "True" for k in node.keywords)
        or any(k.arg == "verify" and ast.unparse(k.value) == "False" for k in node.keywords)
    ]


@pytest.mark.req("SC-05")
def test_no_assert_guards_anything() -> None:
    assert not [
        f"{file}:{node.lineno}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Assert)
    ]


@pytest.mark.req("SC-06")
def test_templates_never_switch_escaping_off() -> None:
    templates = list((ROOT / "hub").rglob("*.html"))
    templates += list((ROOT / "runtime").rglob("*.html"))
    switch = re.compile(r"\|\s*safe\b|autoescape\s+false")
    assert not [str(path) for path in templates if switch.search(path.read_text())]


def test_no_path_of_a_machine_is_committed() -> None:
    pattern = re.compile(r"(?<![A-Za-z0-9_.])/(?:work|farm)/[A-Za-z]")
    own = Path(__file__).resolve()
    folders = (*PACKAGES, "tests", "docs", "benchmarks", "examples")
    texts = [
        path
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".sh"} and path.resolve() != own
    ]
    assert not [str(path) for path in texts if pattern.search(path.read_text())]
