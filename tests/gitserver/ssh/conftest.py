"""One server for the tests that do not change its settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gitserver.ssh.hasty import FAST
from tests.gitserver.ssh.serving import SshPlace, serving


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshPlace]:
    with serving(tmp_path_factory.mktemp("ssh")) as running:
        yield running


@pytest.fixture(scope="package")
def ann(place: SshPlace) -> Path:
    """A key of ann's."""
    return place.key("ann")


@pytest.fixture(scope="package")
def bob(place: SshPlace) -> Path:
    """A key of bob's, who owns nothing."""
    return place.key("bob")


@pytest.fixture(scope="package")
def unknown(place: SshPlace) -> Path:
    """A key that belongs to nobody."""
    return place.key()


@pytest.fixture(scope="package")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshPlace]:
    """A server that loses patience at once."""
    with serving(tmp_path_factory.mktemp("hasty"), limits=FAST) as running:
        yield running
