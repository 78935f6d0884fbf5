"""What `make` installs is pinned with hashes, and is all that pyproject.toml asks for (SC-01)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.M)


def asked() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = list(project["project"]["dependencies"])
    for more in project["project"]["optional-dependencies"].values():
        lines += more
    for more in project["dependency-groups"].values():
        lines += more
    return [Requirement(line) for line in lines]


def locked() -> dict[str, Version]:
    text = (ROOT / "requirements.lock").read_text()
    return {canonicalize_name(name): Version(version) for name, version in PINNED.findall(text)}


@pytest.mark.req("SC-01")
def test_everything_that_is_asked_for_is_locked() -> None:
    pins = locked()
    for each in asked():
        pin = pins.get(canonicalize_name(each.name))
        assert pin is not None, f"{each.name}: run 'make lock'"
        assert each.specifier.contains(pin, prereleases=True), f"{each} is not {pin}: 'make lock'"


@pytest.mark.req("SC-01")
def test_every_pin_has_a_hash_and_none_names_a_registry() -> None:
    text = (ROOT / "requirements.lock").read_text()
    for block in re.split(r"\n(?=\S)", text):
        assert not block.strip() or "--hash=sha256:" in block, block
    assert "://" not in text
