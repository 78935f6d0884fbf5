"""The parts that need no event loop: opened from the settings, by the server and the commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from config.catalogue import Catalogue
from config.sdks import SdkCatalogue
from config.settings import Settings
from gitserver.content import Content
from gitserver.lfs.objects import LargeObjects
from gitserver.lfs.passes import Passes
from gitserver.repositories import Repositories
from hub.context import HubContext
from hub.tickets import Tickets
from runtime.gpus import gpus_of
from spaceport.engine import Engine
from spaceport.errors import Misconfigured
from spaceport.ledger import Ledger
from spaceport.ledger.facts import instance_id
from spaceport.ledger.keyring import open_keyring
from spaceport.ledger.rotation import finish
from spaceport.pools import Pools


@dataclass(frozen=True)
class Installation:
    """A data folder, opened."""

    context: HubContext
    instance: str

    def engine(self) -> Engine:
        """The container engine of these settings. Raises `EngineDown`, `Misconfigured`."""
        from runtime.engine.choose import choose  # its libraries take longer than a command

        settings = self.context.settings
        engine = choose(settings.engine.kind, settings.engine, settings.data, self.instance)
        exposed = not settings.http.loopback and not settings.engine.trust_processes
        if engine.name == "process" and exposed:
            raise Misconfigured(
                f"Apps would run as local processes and be served on {settings.http}, "
                "beyond this machine.",
                hint="Install a container engine, serve on 127.0.0.1, or, if everybody who can "
                "push is trusted, set engine.trust_processes: true.",
            )
        return engine

    def close(self) -> None:
        self.context.pools.close()
        self.context.large.close()
        self.context.ledger.close()


def make_data_folder(folder: Path) -> None:
    """Raises `Misconfigured` when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The data folder {folder} cannot be made: {error.strerror}",
            hint="Choose another with --data DIR or SPACEPORT_DATA.",
        ) from error


def open_installation(settings: Settings) -> Installation:
    """Open, and at the first start make, everything in the data folder.

    Raises `Misconfigured` with a hint when a part of it cannot be used.
    """
    make_data_folder(settings.data)
    catalogue = Catalogue.load(settings.catalogue)
    found = settings.runtime.model_copy(update={"gpus": gpus_of(settings.runtime, catalogue)})
    settings = settings.model_copy(update={"runtime": found})
    sdks = SdkCatalogue.load()
    ledger = Ledger(settings.database_url)
    keyring = open_keyring(ledger, settings.data / "keys")
    finish(ledger, keyring)  # a rotation of the sealing key that was interrupted
    with ledger.write() as tx:
        instance = instance_id(tx)
    repositories = Repositories(settings.data / "repos", settings.git)
    life = timedelta(seconds=settings.hub.ticket_seconds)
    context = HubContext(
        settings=settings,
        ledger=ledger,
        pools=Pools({"ssh": settings.git.ssh.limits.sessions}),
        keyring=keyring,
        repositories=repositories,
        content=Content(repositories),
        catalogue=catalogue,
        sdks=sdks,
        tickets=Tickets.open(ledger, keyring, life),
        large=LargeObjects.open(ledger, settings.objects, settings.data.resolve(), settings.lfs),
        passes=Passes.open(ledger, keyring),
    )
    return Installation(context, instance)
