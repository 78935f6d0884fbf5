"""Fixtures of the git server's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gitserver.writing import Server, clone, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running git server with the repository `ann/x`."""
    with serving(tmp_path / "repositories") as running:
        yield running


@pytest.fixture
def work(server: Server, tmp_path: Path) -> Path:
    """A clone of `ann/x`."""
    return clone(server, tmp_path / "work")
