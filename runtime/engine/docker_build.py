"""Build an image from a Dockerfile with BuildKit: by a docker command that can, else by the API."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

from config.engine import EngineSettings
from runtime.engine.cgroups import limit_group
from runtime.engine.docker_build_api import build_by_api
from runtime.engine.docker_build_client import Client, build_by_client, find_client
from runtime.engine.docker_connection import Connection
from runtime.engine.docker_networks import Networks
from runtime.engine.dockerfile import adapt
from runtime.engine.live_output import LastLines
from runtime.engine.private_folder import private_folder, remove_abandoned
from spaceport.engine import LABEL_INSTANCE, Cancelled, EngineRefused, ImageBuild, Output

_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_BUILD_GROUP = "docker/buildkit"
_LOW_SHARES = 128


class DockerBuilds:
    def __init__(
        self, connection: Connection, networks: Networks, settings: EngineSettings, instance: str
    ) -> None:
        self._connection = connection
        self._networks = networks
        self._settings = settings
        self._instance = instance
        self._client: Client | None = None
        self._looked = False
        remove_abandoned()

    def available(self) -> bool:
        """Whether a docker command here can build; without one, builds have no secrets."""
        return self._find() is not None

    def _find(self) -> Client | None:
        if not self._looked:
            self._client = find_client(self._settings.docker_client, self._connection.base_url)
            self._looked = True
        return self._client

    def build(
        self, build: ImageBuild, output: Output, *, timeout: float, cancelled: Cancelled
    ) -> str:
        check(build)
        with self._connection.calls():
            version = str(self._connection.client.version()["Version"])
        labelled = replace(build, labels={**build.labels, LABEL_INSTANCE: self._instance})
        client = self._find()
        if client is None and build.secrets:
            raise EngineRefused(
                "This build needs secrets, and no docker command on this machine can pass them on.",
                hint="Install the buildx plugin, or set engine.docker_client to a docker command "
                "that has BuildKit.",
            )
        self._networks.guard(self._connection)
        self._limit()
        remembered = LastLines(output)
        with private_folder() as folder:
            dockerfile = write_dockerfile(build, version, folder)
            if client is None:
                return build_by_api(
                    self._connection, labelled, dockerfile, remembered, timeout, cancelled
                )
            return build_by_client(
                client, self._connection, labelled, dockerfile, remembered, timeout, cancelled
            )

    def _limit(self) -> None:
        """Old engines ignore the limits of one build; the group of all steps can have some."""
        bounds = self._settings.build
        if self._connection.local:
            limit_group(
                _BUILD_GROUP,
                cpus=bounds.cpus,
                memory=bounds.memory,
                pids=bounds.pids,
                shares=_LOW_SHARES,
            )


def check(build: ImageBuild) -> None:
    """Raises `EngineRefused` for what would reach the build in another form than it was meant."""
    inside = (build.context / build.dockerfile).resolve()
    if not inside.is_relative_to(build.context.resolve()) or not inside.is_file():
        raise EngineRefused(f"There is no file {build.dockerfile} in the repository.")
    for name in build.build_args:
        # BUILDKIT_SYNTAX would choose a foreign front end, others switch off its protections.
        if name.upper().startswith("BUILDKIT_"):
            raise EngineRefused(f"{name} cannot be a build argument here.")
    for name in build.secrets:
        if not _SECRET_NAME.fullmatch(name):
            raise EngineRefused(f"{name!r} cannot name a secret: letters, digits and '_' only.")


def write_dockerfile(build: ImageBuild, engine_version: str, folder: Path) -> Path:
    """The adapted Dockerfile, and beside it the ignore file that belongs to its name."""
    source = build.context / build.dockerfile
    try:
        text = source.read_text()
    except UnicodeDecodeError as error:
        raise EngineRefused(f"{build.dockerfile} is not a text file in UTF-8.") from error
    target = folder / "Dockerfile"
    target.write_text(adapt(text, engine_version))
    ignore = source.with_name(source.name + ".dockerignore")
    if ignore.is_file() and ignore.resolve().is_relative_to(build.context.resolve()):
        shutil.copyfile(ignore, folder / "Dockerfile.dockerignore")
    return target
