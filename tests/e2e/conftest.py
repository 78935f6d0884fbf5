"""One Spaceport for all end-to-end tests of a session, and fresh ones for tests that break it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.engine import EngineSettings
from runtime.engine.base_tree import make_base_tree
from runtime.engine.choose import choose
from runtime.secret_files import MEMORY
from tests.disks import unmount_below
from tests.e2e.server import Server

ROOT = Path(__file__).parents[2]

# A catalogue for small machines: the smallest flavour is small enough to be filled in a test.
CATALOGUE = """
flavors:
  - {slug: cpu-basic, name: CPU Basic, cpus: 2, memory: 1, disk: 1, price: 0}
  - {slug: cpu-upgrade, name: CPU Upgrade, cpus: 2, memory: 2, disk: 2, price: 0.03}
"""


def settings(folder: Path) -> dict[str, str]:
    catalogue = folder / "catalogue.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    catalogue.write_text(CATALOGUE)
    return {
        "SPACEPORT__CATALOGUE": str(catalogue),
        "SPACEPORT__BUILDER__PREWARM": "false",
        "SPACEPORT__RUNTIME__PRESTART__TOTAL": "0",  # it would work beside every test
    }


def instance_of(server: Server) -> str:
    """The label value that everything carries which this server made in the engine."""
    with sqlite3.connect(server.data / "ledger.sqlite3") as ledger:
        return str(ledger.execute("SELECT value FROM facts WHERE name = 'instance'").fetchone()[0])


def remove_leftovers(server: Server) -> None:
    """All that this server's instance made in the engine; nothing else is touched."""
    server.stop()
    instance = instance_of(server)
    kind = "docker" if server.engine == "docker" else "process"
    engine = choose(kind, EngineSettings(), server.data, instance)
    for found in engine.list({}):
        engine.remove(found.handle)
    if kind == "docker":
        remove_images(instance)
    engine.close(remove=True)
    unmount_below(server.data)
    shutil.rmtree(MEMORY / f"spaceport-{instance}-secrets", ignore_errors=True)


def remove_images(instance: str) -> None:
    images = docker("images", "-q", "--filter", f"label=spaceport.instance={instance}").split()
    if images:
        docker("rmi", "-f", *sorted(set(images)))


def docker(*words: str) -> str:
    ran = subprocess.run(["docker", *words], capture_output=True, text=True, timeout=60)
    return ran.stdout


@pytest.fixture(scope="session")
def new_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Makes servers; at the end they are stopped and what they left is removed."""
    made: list[Server] = []

    def make(engine: str = "docker", **more: str) -> Server:
        folder = tmp_path_factory.mktemp("spaceport")
        server = Server(folder, engine, {**settings(folder), **more})
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.stop()  # all of them, also where an engine that is gone ends the loop below
    for server in made:
        remove_leftovers(server)


@pytest.fixture(scope="session")
def python_image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`FROM python:3.11-slim` resolves without a registry: a base of this machine's own Python.

    It holds pip and this machine's certificates, which the bases of the product do not.
    """
    name = "python:3.11-slim"
    if docker("images", "-q", name).strip():
        yield name
        return
    tree = make_base_tree(tmp_path_factory.mktemp("python-image"))
    packages = next((tree.path / "usr/local/lib").glob("python3.*")) / "site-packages"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "pip", "install", "-q", "--target", packages, "pip"], check=True)
    path = tree.env["PATH"]
    archive = subprocess.Popen(["tar", "-C", tree.path, "-c", "."], stdout=subprocess.PIPE)
    changes = [f"ENV PATH={path}", "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"]
    options = [word for change in changes for word in ("-c", change)]
    importing = ["docker", "import", *options, "-", name]
    subprocess.run(importing, stdin=archive.stdout, check=True, capture_output=True)
    archive.wait()
    yield name
    docker("rmi", "-f", name)


@pytest.fixture(scope="session")
def spaceport(new_server: Callable[..., Server]) -> Server:
    """The server that tests share; each uses Spaces of its own."""
    return new_server()
