"""Both servers, once for all cases; each case has folders of its own on both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.gitserver.plain.world import Case, Twins, both


@pytest.fixture(scope="package")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    with both(tmp_path_factory.mktemp("twins")) as pair:
        yield pair


@pytest.fixture
def same(twins: Twins, request: pytest.FixtureRequest) -> Callable[[Case], Any]:
    """Runs a case on both servers and compares what came of it."""
    name = re.sub(r"\W+", "-", request.node.name)
    return lambda case: twins.same(name, case)
