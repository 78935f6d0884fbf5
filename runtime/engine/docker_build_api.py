"""Image builds by the engine's API alone: without a docker command, and without secrets."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docker.utils.build import create_archive, exclude_paths

from runtime.engine.docker_connection import Connection
from runtime.engine.docker_stream import Stream
from runtime.engine.docker_trace import Trace
from runtime.engine.live_output import LastLines, Pump, follow
from spaceport.engine import Cancelled, EngineRefused, ImageBuild

_BUILDKIT = 2


def build_parameters(build: ImageBuild) -> dict[str, Any]:
    """The query of Docker's `POST /build`. Pure."""
    return {
        "version": _BUILDKIT,
        "t": build.tag,
        "dockerfile": build.dockerfile,
        "buildargs": json.dumps(dict(build.build_args)),
        "labels": json.dumps(dict(build.labels)),
        "nocache": int(build.no_cache),
        "rm": 1,
    }


def build_by_api(
    connection: Connection,
    build: ImageBuild,
    dockerfile: Path,
    output: LastLines,
    timeout: float,
    cancelled: Cancelled,
) -> str:
    """As `Engine.build_image`."""
    root = str(build.context.absolute())
    kept = exclude_paths(root, ignored(build.context, dockerfile), dockerfile=build.dockerfile)
    packed: Any = create_archive(
        root,
        files=sorted(kept),
        gzip=True,  # BuildKit knows gzip by its first bytes, a plain tar not always
        # Under its own name after the original, so that it is the one that is unpacked.
        extra_files=[(build.dockerfile, dockerfile.read_text())],
    )
    with packed as context, connection.calls():
        stream = connection.stream("POST", "/build", params=build_parameters(build), data=context)
    found = _Answers(stream)
    pump = Pump(found.lines(), found.stream.close)
    try:
        follow(pump, output, timeout, cancelled)
    finally:
        pump.close()  # an engine whose caller hangs up cancels the build
    if found.error:
        raise EngineRefused(found.error)
    if not found.image:
        with connection.calls():
            connection.client.ping()
        raise EngineRefused("the engine ended the build without an image")
    return found.image


def ignored(context: Path, dockerfile: Path) -> list[str]:
    """The patterns of the ignore file: that of the Dockerfile's own name, else the usual one."""
    own = dockerfile.with_name(dockerfile.name + ".dockerignore")
    usual = context / ".dockerignore"
    if usual.is_file() and not usual.resolve().is_relative_to(context.resolve()):
        return []
    file = own if own.is_file() else usual
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


class _Answers:
    """Reads the engine's answers: lines on the way, and in the end an image or an error."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.image = ""
        self.error = ""

    def lines(self) -> Iterator[str]:
        trace = Trace()
        for answer in self.stream.objects():
            if "error" in answer:
                self.error = str(answer["error"])
                yield f"ERROR: {self.error}"
            elif answer.get("id") == "moby.buildkit.trace":
                yield from trace.lines(base64.b64decode(answer["aux"]))
            elif answer.get("id") == "moby.image.id":
                self.image = str(answer["aux"]["ID"])
            elif answer.get("stream"):
                yield from str(answer["stream"]).splitlines()
