"""Static Spaces, as they are and with a build command."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaceport.artifact import Artifact, ArtifactKind
from spaceport.cause import Cause
from spaceport.ledger import variables
from spaceport.states import BuildState
from tests.builder.world import World, card

pytestmark = pytest.mark.engine


async def test_the_revision_is_the_folder(world: World) -> None:
    space = world.space({"README.md": card("static"), "index.html": b"<p>hi</p>"})
    async with world.running():
        build = await world.settled(space.key)
    folder = f"checkouts/{space.key}/{space.head}"
    assert build.artifact == Artifact(
        kind=ArtifactKind.FOLDER, folder=folder, app_file="index.html"
    )
    assert (world.data / folder / "index.html").read_bytes() == b"<p>hi</p>"


async def test_build_command(world: World, tmp_path: Path) -> None:
    command = (
        'mkdir -p dist && echo \\"$GREETING\\" > dist/index.html && ln -s /etc/passwd dist/out '
        "&& ln -s index.html dist/in && mkfifo dist/pipe && chmod 700 dist && id -u > dist/who"
    )
    readme = card("static", app_build_command=f'"{command}"', app_file="dist/index.html")
    space = world.space({"README.md": readme})
    with world.ledger.write() as tx:
        variables.set_(tx, space.key, "GREETING", "good day")
    async with world.running():
        build = await world.settled(space.key)
        assert build.state is BuildState.SUCCEEDED, world.log(build)
        with world.ledger.write() as tx:
            variables.set_(tx, space.key, "GREETING", "good night")
        again = await world.settled(space.key, 2)
    assert build.artifact is not None
    assert again.artifact is not None
    dist = world.data / build.artifact.folder / "dist"
    assert (dist / "index.html").read_text() == "good day\n"
    assert sorted(path.name for path in dist.iterdir()) == ["in", "index.html", "who"]
    assert (dist / "who").read_text() == "1000\n"
    assert dist.stat().st_mode & 0o777 == 0o755
    assert (world.data / again.artifact.folder / "dist/index.html").read_text() == "good night\n"
    assert not list(world.places.scratch.iterdir())


@pytest.mark.parametrize(
    ("command", "cause", "detail"),
    [
        ("exit 4", Cause.BUILD_COMMAND_FAILED, {"exit_code": 4}),
        ("mkdir dist", Cause.NO_APP_FILE, {"app_file": "dist/index.html"}),
    ],
)
async def test_build_command_that_fails(
    world: World, command: str, cause: Cause, detail: dict[str, object]
) -> None:
    readme = card("static", app_build_command=command, app_file="dist/index.html")
    space = world.space({"README.md": readme})
    async with world.running():
        build = await world.settled(space.key)
    assert build.failure is not None
    assert (build.failure.cause, build.failure.detail) == (cause, detail)
