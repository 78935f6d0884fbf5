"""Puts the builder together; the one place that knows all of its parts."""

from __future__ import annotations

from pathlib import Path

from builder.bases import BaseImages, RememberedBases
from builder.checkout import Checkouts, LargeOf
from builder.desk import Desk
from builder.environment import Environments
from builder.folder import Folders
from builder.image import Images
from builder.leftovers import Leftovers
from builder.places import Places
from builder.prewarm import Prewarm
from builder.session import Session
from builder.step import Steps
from builder.toolbox import prepare
from builder.worker import Worker
from config.builder import BuilderSettings
from config.sdks import SdkCatalogue
from gitserver.export import Exporter
from spaceport.engine import Engine
from spaceport.ledger import Ledger
from spaceport.pools import Pools
from spaceport.sealing import Keyring


def make_worker(
    *,
    data: Path,
    settings: BuilderSettings,
    catalogue: SdkCatalogue,
    ledger: Ledger,
    pools: Pools,
    keyring: Keyring,
    engine: Engine,
    bases: BaseImages,
    exporter: Exporter,
    large_of: LargeOf,
) -> Worker:
    """A builder for one data folder; `await worker.run()` until cancelled.

    Lays out the tools that build containers mount, so it touches the disk. The engine is not
    asked for anything yet.
    """
    places = Places(data.resolve())
    bases = RememberedBases(bases)
    steps = Steps(engine, settings, places.data)
    environments = Environments(places, settings, steps, prepare(places))
    session = Session(
        places,
        settings,
        catalogue,
        engine,
        bases,
        Checkouts(places, exporter, large_of),
        environments,
        Images(engine, places, settings),
        Folders(places, settings, steps),
    )
    desk = Desk(ledger, keyring)
    leftovers = Leftovers(engine, places)
    prewarm = Prewarm(catalogue, bases, environments, settings)
    return Worker(ledger, pools, engine, places, settings, desk, session, leftovers, prewarm)
