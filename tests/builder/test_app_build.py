"""Gradio and Streamlit Spaces, built with a real engine from the real index."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaceport.artifact import ArtifactKind
from spaceport.cause import Cause
from spaceport.engine import ContainerSpec, Engine, Mount, Network, Tmpfs
from spaceport.ledger import spaces
from spaceport.states import BuildState
from tests.builder.world import World, card

pytestmark = pytest.mark.engine

APP = b"import six, iniconfig\nprint('hello from', six.__version__)\n"


async def test_first_build_then_code_only_push(world: World, tmp_path: Path) -> None:
    space = world.space({"README.md": card(), "app.py": APP, "requirements.txt": b"iniconfig\n"})
    async with world.running():
        first = await world.settled(space.key)
        assert first.state is BuildState.SUCCEEDED, world.log(first)
        assert first.artifact is not None
        assert first.artifact.kind is ArtifactKind.ENVIRONMENT
        assert "six==1.17.0" in first.lock
        assert "iniconfig==" in first.lock
        installs = world.log(first).count("Installed")

        world.push(space.key, {"app.py": APP + b"print('more')\n"}, work=tmp_path / "work")
        second = await world.settled(space.key, 2)
    assert installs == 1
    assert second.state is BuildState.SUCCEEDED
    assert second.lock == first.lock
    assert second.artifact is not None
    assert second.artifact.mounts[0] == first.artifact.mounts[0]
    assert second.artifact.mounts[1] != first.artifact.mounts[1]
    assert "Installed" not in world.log(second)


async def test_equal_requirements_share_one_environment(world: World) -> None:
    """Two Spaces at the same time: one installs, the other waits for it."""
    files = {"README.md": card(), "app.py": APP, "requirements.txt": b"iniconfig\n"}
    both = [world.space(files, owner=owner) for owner in ("ada", "eve")]
    async with world.running():
        done = [await world.settled(space.key) for space in both]
    logs = [world.log(build) for build in done]
    assert [build.state for build in done] == [BuildState.SUCCEEDED] * 2, logs
    assert sum("Installed" in log for log in logs) == 1
    sources = {build.artifact.mounts[0].source for build in done if build.artifact}
    assert len(sources) == 1
    assert len(list(world.places.environments.iterdir())) == 1


async def test_factory_rebuild_resolves_again(world: World) -> None:
    space = world.space({"README.md": card(), "app.py": APP, "requirements.txt": b"iniconfig\n"})
    async with world.running():
        first = await world.settled(space.key)
        with world.ledger.write() as tx:
            spaces.restart(tx, space.key)
            spaces.restart(tx, space.key, factory=True)
        second = await world.settled(space.key, 2)
    assert (second.revision, second.factory_generation) == (first.revision, 1)
    assert "Resolved" in world.log(second)


async def test_the_app_starts_and_may_write_next_to_its_code(world: World, engine: Engine) -> None:
    app = b"""import os, pathlib, six, helper
pathlib.Path("app.sqlite3").write_text("x")
pathlib.Path(__file__).with_name("made").mkdir()
print(os.getcwd(), helper.WORD, os.environ["GRADIO_SERVER_PORT"], len(open("big.bin").read()))
print(os.path.islink("big.bin"), six.__file__, os.path.exists(six.__spec__.cached))
"""
    files = {
        "README.md": card(),
        "app.py": app,
        "helper.py": b"WORD = 'helped'\n",
        "big.bin": b"x" * 2_000_000,
    }
    space = world.space(files)
    async with world.running():
        build = await world.settled(space.key)
    artifact = build.artifact
    assert artifact is not None, world.log(build)
    said: list[str] = []
    ended = engine.run(
        ContainerSpec(
            name="try-app",
            image=artifact.image,
            command=artifact.command,
            env=artifact.env,
            working_dir=artifact.working_dir,
            mounts=tuple(Mount(world.data / each.source, each.target) for each in artifact.mounts),
            tmpfs=(Tmpfs("/tmp", 1 << 24), Tmpfs(artifact.home, 1 << 24)),
            network=Network.NONE,
        ),
        said.append,
        timeout=30,
    )
    assert ended.code == 0, said
    assert said[0] == "/home/user/app helped 7860 2000000"
    assert said[1].split()[0] == "True"
    assert said[1].split()[1].endswith("/site-packages/six.py"), said
    assert said[1].split()[2] == "True"


@pytest.mark.parametrize(
    ("requirements", "cause", "words"),
    [
        (b"spaceport-surely-no-such-package\n", Cause.PACKAGE_NOT_FOUND, "spaceport-surely"),
        (b"six==1.0\n", Cause.DEPENDENCY_CONFLICT, "six"),
        (b"iniconfig==99\n", Cause.PACKAGE_NOT_FOUND, "iniconfig==99"),
    ],
)
async def test_requirements_that_cannot_be_had(
    world: World, requirements: bytes, cause: Cause, words: str
) -> None:
    readme = card(sdk_version="1.17.0")
    space = world.space({"README.md": readme, "app.py": APP, "requirements.txt": requirements})
    async with world.running():
        build = await world.settled(space.key)
        assert build.state is BuildState.FAILED
        assert build.failure is not None
        assert build.failure.cause is cause, world.log(build)
        explained = build.failure.explain().sentence
        assert words in explained
        assert f"===== Build failed: {explained}" in world.log(build)
        with world.ledger.write() as tx:
            spaces.restart(tx, space.key)
        again = await world.settled(space.key, 2)  # asked for, so tried again
    assert again.number == 2


@pytest.mark.req("BLD-07")
async def test_a_package_that_runs_code_while_it_installs_cannot_poison_others(
    world: World,
) -> None:
    """It writes wherever it can; nothing of that is seen by another Space."""
    setup = b"""
import os, pathlib, setuptools
for root in ("/opt/spaceport/work", "/opt/spaceport/tools", "/opt/spaceport"):
    for folder, folders, files in os.walk(root):
        ours = [name for name in files if root.endswith("tools")]
        for name in [*ours, "poison"]:
            try:
                (pathlib.Path(folder) / name).open("a").write("POISON")
            except OSError:
                pass
setuptools.setup(name="evil", version="1.0", py_modules=["evil"])
"""
    evil = {
        "README.md": card(),
        "app.py": APP,
        "requirements.txt": b"iniconfig\n./evil\n",
        "evil/setup.py": setup,
        "evil/evil.py": b"",
    }
    good = {"README.md": card(), "app.py": APP, "requirements.txt": b"iniconfig\n"}
    async with world.running():
        attack = world.space(evil, owner="eve")
        bad = await world.settled(attack.key)
        victim = world.space(good, owner="ada")
        fine = await world.settled(victim.key)
    assert bad.artifact is not None, world.log(bad)
    assert bad.plan["private"]
    private = world.places.private / attack.key
    assert list(private.rglob("poison"))  # it did run, and could write to its own place
    assert fine.state is BuildState.SUCCEEDED, world.log(fine)
    assert fine.artifact is not None
    names = [world.places.shared, world.places.tools, world.data / fine.artifact.mounts[0].source]
    for folder in names:
        for path in folder.rglob("*"):
            assert path.name != "poison"
            if path.is_file() and path.suffix in (".py", ".json", ".txt"):
                assert b"POISON" not in path.read_bytes(), path
    assert bad.artifact.mounts[0] != fine.artifact.mounts[0]
