"""From a revision to the first answer: ours against pip in a Dockerfile, in one run.

    python -m benchmarks build

The app is one Gradio interface with one small package of its own; the package caches of both sides
are warm. Needs Docker and a package index. Every figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.build.by_hand import ByHand, first_answer
from benchmarks.report import Report
from builder.bases import Base
from config.engine import EngineSettings
from config.sdks import SdkCatalogue
from runtime.engine.base_tree import ask_interpreter, ensure_base
from runtime.engine.docker_engine import DockerEngine
from spaceport.artifact import Artifact
from spaceport.engine import ContainerSpec, Limits, Mount, Tmpfs
from spaceport.ledger.builds import Build
from tests.builder.world import OneBase, World, card

GIB = 1024**3
APP = b"import gradio as gr\ngr.Interface(lambda x: x, 'text', 'text').launch()\n"
WARM = b"toolz\n"
FIRST = (b"cowsay\n", b"pyfiglet\n", b"inflection\n")


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks build")
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, len(FIRST) + 1))
    rounds = parser.parse_args(argv).rounds
    folder = Path(tempfile.mkdtemp(prefix="spaceport-bench-"))
    instance = f"bench-{secrets.token_hex(4)}"
    engine = DockerEngine(EngineSettings(), instance)
    try:
        reference = ensure_base(engine, folder / "bases")
        version = ask_interpreter(Path(sys.base_prefix)).version
        base = Base(reference, "/usr/local/bin/python3", version)
        asyncio.run(_compare(folder, engine, base, rounds))
    finally:
        engine.close(remove=True)
        shutil.rmtree(folder, ignore_errors=True)


async def _compare(folder: Path, engine: DockerEngine, base: Base, rounds: int) -> None:
    report = Report("build")
    data = folder / "data"
    data.mkdir()
    world = World(data, engine, OneBase(base), catalogue=SdkCatalogue.load())
    ours = _Ours(world, engine)
    hand = ByHand(engine, base.reference, folder / "by-hand")
    try:
        async with world.running():
            cold = await ours.new(WARM)
            report.value("first build, nothing cached", cold.seconds, "s")
            hand.build(WARM, APP)  # fills pip's cache
            first, code, start = [], [], []
            by_hand, by_hand_code = [], []
            for number, own in enumerate(FIRST[:rounds]):
                made = await ours.new(own)
                bare = ours.start(made.build)
                first.append(made.seconds + bare)
                start.append(ours.start(made.build))
                pushed = await ours.push(made.build, APP + b"# changed\n")
                code.append(pushed.seconds + ours.start(pushed.build))
                by_hand.append(hand.build(own, APP) + hand.start())
                by_hand_code.append(hand.build(own, APP + b"# %d\n" % number) + hand.start())
        bare_start = median(start)
        report.value("bare start of the app", bare_start, "s")
        report.value("first build to first answer", median(first), "s")
        report.value("the same beyond the bare start (goal < 10)", median(first) - bare_start, "s")
        report.value("pip and docker by hand: first build to first answer", median(by_hand), "s")
        report.value("first build, ours / by hand", median(first) / median(by_hand), "ratio")
        report.value("code-only push to first answer", median(code), "s")
        report.value("the same beyond the bare start (goal < 1.5)", median(code) - bare_start, "s")
        report.value("by hand: changed code to first answer", median(by_hand_code), "s")
        report.value("code only, ours / by hand", median(code) / median(by_hand_code), "ratio")
    finally:
        hand.remove()
        world.ledger.close()
        world.pools.close()
        report.finish()


class _Timed:
    def __init__(self, build: Build, seconds: float) -> None:
        self.build = build
        self.seconds = seconds

    @property
    def artifact(self) -> Artifact:
        if self.build.artifact is None:
            raise SystemExit(f"a build failed: {self.build.failure}")
        return self.build.artifact


class _Ours:
    def __init__(self, world: World, engine: DockerEngine) -> None:
        self._world = world
        self._engine = engine

    async def new(self, requirements: bytes) -> _Timed:
        files = {"README.md": card(), "app.py": APP, "requirements.txt": requirements}
        started = time.monotonic()
        space = self._world.space(files)
        build = await self._world.settled(space.key, timeout=600)
        return _Timed(build, time.monotonic() - started)

    async def push(self, build: Build, app: bytes) -> _Timed:
        work = self._world.data / f"work-{build.id}"
        started = time.monotonic()
        self._world.push(build.space_key, {"app.py": app}, work=work)
        newer = await self._world.settled(build.space_key, build.number + 1, timeout=60)
        return _Timed(newer, time.monotonic() - started)

    def start(self, build: Build) -> float:
        """Seconds from nothing to the first answer."""
        artifact = _Timed(build, 0).artifact
        spec = ContainerSpec(
            name=f"bench-{build.id}",
            image=artifact.image,
            command=artifact.command,
            env=artifact.env,
            working_dir=artifact.working_dir,
            mounts=tuple(
                Mount(self._world.data / each.source, each.target) for each in artifact.mounts
            ),
            tmpfs=(Tmpfs("/tmp", GIB), Tmpfs(artifact.home, GIB)),
            limits=Limits(cpus=2, memory=4 * GIB),
        )
        started = time.monotonic()
        handle = self._engine.start(spec)
        try:
            return first_answer(lambda: self._engine.connect(handle, artifact.port, 2), started)
        finally:
            self._engine.remove(handle)
