"""One hub for the session; each test uses accounts and Spaces of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gitserver.lfs.world import serving
from tests.hub.conftest import Hub


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    parts = {"multipart_from": 5 << 20, "part_bytes": 2 << 20}
    with serving(tmp_path_factory.mktemp("lfs") / "data", lfs=parts) as hub:
        yield hub


@pytest.fixture(scope="session")
def token(hub: Hub) -> str:
    """To write as tess, who has three Spaces for the tests of uploads and downloads."""
    hub.space("tess/demo")
    hub.space("tess/other")
    hub.space("tess/private", visibility="private")
    return hub.token("tess")
