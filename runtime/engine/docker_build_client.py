"""Image builds by a docker command: the only way to hand secrets to BuildKit."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.engine.docker_connection import Connection
from runtime.engine.live_output import LastLines, Pump, follow
from runtime.engine.text_lines import decoded
from spaceport.engine import Cancelled, EngineRefused, ImageBuild

_KEPT = (
    "PATH",
    "HOME",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "XDG_RUNTIME_DIR",
)
_END_WITHIN = 5.0
_LONGEST_LINE = 64 * 1024
_FAILED = ("ERROR: ", "error: ", "failed to solve", "executor failed running", "failed to ")


@dataclass(frozen=True)
class Client:
    """A docker command that can build, and the environment in which it does."""

    program: Path
    env: Mapping[str, str]


def find_client(chosen: Path | None, base_url: str) -> Client | None:
    """The first docker command that has BuildKit: some on PATH refuse for want of a plugin."""
    env = client_environment(os.environ, base_url)
    for program in [chosen] if chosen is not None else on_path(os.environ.get("PATH", "")):
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            asked = subprocess.run(
                [str(program), "build", "--help"], env=env, capture_output=True, timeout=20
            )
            if asked.returncode == 0 and b"--secret" in asked.stdout:
                return Client(program, env)
    return None


def on_path(path: str) -> list[Path]:
    """Every `docker` on the search path, not only the first one."""
    found = (shutil.which("docker", path=folder) for folder in path.split(os.pathsep) if folder)
    return list(dict.fromkeys(Path(program) for program in found if program))


def client_environment(outer: Mapping[str, str], base_url: str) -> dict[str, str]:
    """Only what the command needs: nothing of Spaceport's own environment goes along."""
    kept = {name: outer[name] for name in _KEPT if name in outer}
    return {
        **kept,
        "DOCKER_HOST": base_url,
        "DOCKER_BUILDKIT": "1",
        "BUILDX_BUILDER": "default",  # the engine's own, whatever the operator's client prefers
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        "BUILDKIT_PROGRESS": "plain",
    }


def build_command(
    program: Path, build: ImageBuild, dockerfile: Path, id_file: Path, secrets: Mapping[str, Path]
) -> list[str]:
    """The command line. It holds names of secrets, never values.

    Build arguments stand on it: they are public (they can be read in the image's history), and as
    environment of the command a variable such as LD_PRELOAD would be a way into it. Pure.
    """
    command = [str(program), "build", "--progress=plain", f"--file={dockerfile}"]
    command += [f"--tag={build.tag}", f"--iidfile={id_file}"]
    command += [f"--label={name}={value}" for name, value in build.labels.items()]
    command += [f"--build-arg={name}={value}" for name, value in build.build_args.items()]
    command += [f"--secret=id={name},src={file}" for name, file in secrets.items()]
    if build.no_cache:
        command.append("--no-cache")
    return [*command, "--", str(build.context)]


def build_by_client(
    client: Client,
    connection: Connection,
    build: ImageBuild,
    dockerfile: Path,
    output: LastLines,
    timeout: float,
    cancelled: Cancelled,
) -> str:
    """As `Engine.build_image`. `dockerfile` is in a private folder, where secrets go as well."""
    folder = dockerfile.parent
    id_file = folder / "image-id"
    command = build_command(
        client.program, build, dockerfile, id_file, _write_secrets(folder, build.secrets)
    )
    process = subprocess.Popen(
        command,
        env=client.env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    pump = Pump(_lines(process), lambda: end(process))
    try:
        follow(pump, output, timeout, cancelled)
        code = process.wait(_END_WITHIN)
    finally:
        pump.close()
    if code != 0:
        with connection.calls():
            connection.client.ping()  # an engine that is down is another error than a failed step
        raise EngineRefused(failing_words(output.lines))
    return id_file.read_text().strip()


def _write_secrets(folder: Path, secrets: Mapping[str, str]) -> Mapping[str, Path]:
    files = {name: folder / f"secret-{number}" for number, name in enumerate(secrets)}
    for name, file in files.items():
        file.touch(mode=0o600)
        file.write_text(secrets[name])
    return files


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    if process.stdout is None:
        return
    while line := process.stdout.readline(_LONGEST_LINE):
        yield decoded(line.removesuffix(b"\n"))


def end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt, which makes the command cancel the build; then kill its whole group."""
    for sign in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_WITHIN)


def failing_words(lines: Sequence[str]) -> str:
    """The line that says why: the last one that BuildKit marks as an error, else the last."""
    marked = [line for line in lines if line.startswith(_FAILED)]
    return [*lines, *marked][-1] if lines else "the build failed without a word"
