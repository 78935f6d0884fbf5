"""A builder with everything real around it: repositories, ledger, engine, package index."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from builder.assembly import make_worker
from builder.bases import Base
from builder.places import Places
from builder.worker import Worker
from config.builder import BuilderSettings
from config.git import GitSettings
from config.sdks import SdkCatalogue
from gitserver.building import Signature
from gitserver.export import Exporter
from gitserver.repositories import Repositories
from spaceport.engine import Engine
from spaceport.ledger import Ledger, accounts, builds, spaces
from spaceport.ledger.builds import Build
from spaceport.ledger.database import sqlite_url
from spaceport.ledger.spaces import Space, Visibility
from spaceport.logbook import log_path, read
from spaceport.names import SpaceKey, new_key
from spaceport.pools import Pools
from spaceport.sdk import Sdk
from spaceport.sealing import Keyring
from tests.waiting import aeventually

CA_BUNDLE = os.environ.get("SPACEPORT__BUILDER__CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")

SMALL = SdkCatalogue.model_validate(
    {
        "default_python": "3.10",
        "sdks": {
            "gradio": {
                "package": "six",
                "default_version": "1.17.0",
                "packages": ["packaging"],
                "command": ["{python}", "{app_file}"],
                "env": {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "7860"},
            },
            "streamlit": {
                "package": "toolz",
                "default_version": "1.0.0",
                "command": ["{python}", "-m", "streamlit", "run", "{app_file}"],
            },
        },
    }
)
"""The catalogue with tiny pure packages in the place of the SDKs."""


def settings(**changes: object) -> BuilderSettings:
    return BuilderSettings.model_validate(
        {
            "ca_bundle": CA_BUNDLE,
            "index_url": os.environ.get("SPACEPORT__BUILDER__INDEX_URL", ""),
            "prewarm": False,
            "disk_reserve": 0,
            "build_image": "",
            "engine_retry": 0.2,
            **changes,
        }
    )


@dataclass
class OneBase:
    """The base images of a machine without a registry: one version of Python."""

    base: Base
    asked: list[str] = field(default_factory=list)

    def base_for(self, python_version: str) -> Base | None:
        self.asked.append(python_version)
        fits = f"{self.base.version}.".startswith(f"{python_version}.")
        return self.base if fits else None

    def with_packages(self, base: Base) -> Base | None:
        return None

    def available(self) -> Sequence[str]:
        return [self.base.version]


def card(sdk: str = "gradio", **more: object) -> bytes:
    lines = [f"{key}: {value}" for key, value in {"sdk": sdk, **more}.items()]
    return "\n".join(["---", *lines, "---", "", "A test.", ""]).encode()


class World:
    def __init__(
        self,
        data: Path,
        engine: Engine,
        bases: OneBase,
        *,
        catalogue: SdkCatalogue = SMALL,
        instance: str = "",
        **changes: object,
    ) -> None:
        self.data = data
        self.instance = instance
        self.engine = engine
        self.bases = bases
        self.places = Places(data)
        self.catalogue = catalogue
        self.settings = settings(**changes)
        self.ledger = Ledger(sqlite_url(data))
        self.pools = Pools()
        self.keyring = Keyring.load_or_create(data / "keys")
        self.repositories = Repositories(data / "repos", GitSettings())
        self.large: dict[str, Path] = {}  # content of large files by SHA-256
        self._owners: dict[str, str] = {}

    def worker(self) -> Worker:
        return make_worker(
            data=self.data,
            settings=self.settings,
            catalogue=self.catalogue,
            ledger=self.ledger,
            pools=self.pools,
            keyring=self.keyring,
            engine=self.engine,
            bases=self.bases,
            exporter=Exporter(self.repositories),
            large_of=lambda key: lambda pointer: self.large.get(pointer.oid),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        worker = self.worker()
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def space(self, files: Mapping[str, bytes], *, owner: str = "ada", name: str = "") -> Space:
        """A new Space with one revision."""
        key = new_key()
        with self.ledger.write() as tx:
            if owner not in self._owners:
                self._owners[owner] = accounts.create_user(tx, owner).id
            spaces.create(
                tx,
                key,
                self._owners[owner],
                name or f"s{key[:8]}",
                creator_id=self._owners[owner],
                visibility=Visibility.PUBLIC,
                sdk=Sdk.GRADIO,
            )
        revision = self.repositories.create(key, files, Signature("Ada", "ada@example.org"))
        self.announce(key, revision)
        with self.ledger.read() as tx:
            return spaces.get(tx, key)

    def push(self, key: SpaceKey, files: Mapping[str, bytes | None], *, work: Path) -> str:
        """Change files with real git; None removes one. Gives the new revision."""
        self.git("clone", "--quiet", str(self.repositories.path(key)), str(work))
        for name, content in files.items():
            path = work / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        self.git("add", "--all", cwd=work)
        self.git("commit", "--quiet", "--message", "change", cwd=work)
        self.git("push", "--quiet", "origin", "HEAD:main", cwd=work)
        revision = self.git("rev-parse", "HEAD", cwd=work).strip()
        self.announce(key, revision)
        return revision

    def announce(self, key: SpaceKey, revision: str) -> None:
        with self.ledger.write() as tx:
            spaces.move_head(tx, key, revision, None)

    @staticmethod
    def git(*arguments: str, cwd: Path | None = None) -> str:
        ran = subprocess.run(
            ["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True
        )
        return ran.stdout

    def newest(self, key: SpaceKey) -> Build | None:
        with self.ledger.read() as tx:
            return builds.newest(tx, key)

    async def settled(self, key: SpaceKey, number: int = 1, timeout: float = 60) -> Build:
        """The newest build, once it is at least the `number`th and has ended."""

        def ended() -> Build | None:
            found = self.newest(key)
            if found is None or found.number < number or found.state.open:
                return None
            return found

        found = await aeventually(ended, timeout=timeout)
        assert found is not None
        return found

    def log(self, build: Build) -> str:
        path = log_path(self.data, build.space_key, "build", build.id)
        return "".join(entry.data for entry in read(path)) if path.exists() else ""
