"""Docker Spaces, built with a real engine."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from builder.gc import forget
from builder.image import space_tag
from spaceport.artifact import ArtifactKind
from spaceport.cause import Cause
from spaceport.engine import Engine
from spaceport.ledger import secrets, spaces, variables
from spaceport.ledger.builds import Build
from spaceport.states import BuildState
from tests.builder.world import World, card

pytestmark = pytest.mark.engine

CANARY = "canary-Zq8vWm3pXk"


@pytest.fixture
def remove(engine: Engine) -> Iterator[list[Build]]:
    """Builds whose images go after the test."""
    made: list[Build] = []
    yield made
    for build in made:
        engine.remove_image(space_tag(build.space_key, build.id))


async def test_dockerfile_with_variable_and_secret(
    world: World, public_image: str, remove: list[Build]
) -> None:
    dockerfile = f"""# syntax=docker/dockerfile:1
FROM {public_image} AS first
ARG GREETING=none
RUN --mount=type=secret,id=TOKEN,mode=0444,required=true \\
    cat /run/secrets/TOKEN && test -s /run/secrets/TOKEN && echo "$GREETING" > /greeting
RUN --mount=type=cache,target=/var/kept touch /var/kept/mark
FROM {public_image}
COPY --from=first /greeting /greeting
COPY . /home/user/app
CMD ["cat", "/greeting"]
"""
    space = world.space(
        {"README.md": card("docker", app_port=8000), "Dockerfile": dockerfile.encode()}
    )
    with world.ledger.write() as tx:
        variables.set_(tx, space.key, "GREETING", "good day")
        variables.set_(tx, space.key, "OTHER", "unused")
        secrets.set_(tx, world.keyring, space.key, "TOKEN", CANARY)
    async with world.running():
        build = await world.settled(space.key)
        remove.append(build)
        assert build.state is BuildState.SUCCEEDED, world.log(build)
        assert build.artifact is not None
        assert build.artifact.kind is ArtifactKind.IMAGE
        assert (build.artifact.port, build.artifact.env["PORT"]) == (8000, "8000")
        assert not build.artifact.read_only_root
        said = _docker("run", "--rm", "--network", "none", build.artifact.image)
        assert said == "good day\n"
        await _changes_that_matter(world, build, remove)

    log = world.log(build)
    assert CANARY not in log
    assert "********" in log  # it was printed, and hidden
    image = build.artifact.image
    assert CANARY not in _docker("history", "--no-trunc", image) + _docker("inspect", image)
    saved = subprocess.run(["docker", "save", image], capture_output=True, check=True).stdout
    assert CANARY.encode() not in saved


async def _changes_that_matter(world: World, first: Build, remove: list[Build]) -> None:
    """A variable or secret that the Dockerfile names is a reason to build, any other is not."""
    key = first.space_key
    with world.ledger.write() as tx:
        variables.set_(tx, key, "OTHER", "still unused")
        variables.set_(tx, key, "GREETING", "good night")
    second = await world.settled(key, 2)
    remove.append(second)
    assert second.number == 2
    assert second.artifact is not None
    assert _docker("run", "--rm", "--network", "none", second.artifact.image) == "good night\n"
    with world.ledger.write() as tx:
        secrets.set_(tx, world.keyring, key, "TOKEN", CANARY + "x")
    third = await world.settled(key, 3)
    remove.append(third)
    assert "CACHED [first 2/" not in world.log(third)  # the step that sees the secret ran again


@pytest.mark.req("BLD-07")
async def test_no_cache_is_shared_between_spaces(
    world: World, public_image: str, remove: list[Build]
) -> None:
    dockerfile = f"""FROM {public_image}
RUN --mount=type=cache,target=/kept,id=everybody \\
    ls /kept && head -c 8 /dev/urandom | od -An -tx1 > /kept/mark && cp /kept/mark /mark
CMD ["cat", "/mark"]
"""
    files = {"README.md": card("docker"), "Dockerfile": dockerfile.encode()}
    marks = []
    async with world.running():
        for owner in ("ada", "eve"):
            space = world.space(files, owner=owner)
            build = await world.settled(space.key)
            remove.append(build)
            assert build.artifact is not None, world.log(build)
            assert not re.search(r"^#\d+ \d+\.\d+ mark$", world.log(build), re.MULTILINE)
            marks.append(_docker("run", "--rm", "--network", "none", build.artifact.image))
    assert marks[0] != marks[1]


@pytest.mark.req("BLD-18")
async def test_a_deleted_space_leaves_no_image(
    world: World, engine: Engine, public_image: str
) -> None:
    dockerfile = f"FROM {public_image}\nCOPY . /app\n".encode()
    space = world.space({"README.md": card("docker"), "Dockerfile": dockerfile})
    async with world.running():
        build = await world.settled(space.key)
    assert build.artifact is not None
    assert engine.has_image(build.artifact.image)
    with world.ledger.write() as tx:
        spaces.mark_deleted(tx, space.key)
    forget(world.ledger, engine, world.data, space.key)
    assert not engine.has_image(build.artifact.image)
    assert not (world.places.checkouts / space.key).exists()


async def test_failing_step_is_named(world: World, public_image: str) -> None:
    dockerfile = f"FROM {public_image}\nRUN echo before && echo the-reason && exit 7\n"
    space = world.space({"README.md": card("docker"), "Dockerfile": dockerfile.encode()})
    async with world.running():
        build = await world.settled(space.key)
    assert build.state is BuildState.FAILED
    assert build.failure is not None
    assert build.failure.cause is Cause.DOCKERFILE_ERROR
    problem = build.failure.detail["problem"]
    assert "RUN echo before" in problem, problem
    assert "exit code 7" in problem
    assert problem.endswith("the-reason")


async def test_unreadable_dockerfile_and_missing_image(world: World, public_image: str) -> None:
    unreadable = f"FROM {public_image}\nWORKDIR /\nRNU echo typo\n"
    missing = "FROM no-such-image-anywhere:1\n"
    async with world.running():
        for text, words in (
            (unreadable, "line 3: unknown instruction RNU"),
            (missing, "no-such-image-anywhere:1 could not be fetched"),
        ):
            space = world.space({"README.md": card("docker"), "Dockerfile": text.encode()})
            build = await world.settled(space.key)
            assert build.failure is not None
            assert build.failure.cause is Cause.DOCKERFILE_ERROR
            assert words in build.failure.detail["problem"]


def _docker(*arguments: str) -> str:
    ran = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return ran.stdout
