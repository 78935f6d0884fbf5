"""A private PostgreSQL cluster from the distribution, for the tests of the ledger."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.waiting import eventually

USER = "postgres"


def binaries() -> Path | None:
    """The folder of `initdb`, or None where PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).resolve().parent


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A running server whose files are all in `folder`; yields the URL of its `postgres` database.

    The server refuses to run as root, so it runs as the distribution's user then.
    """
    programs = binaries()
    if programs is None:
        raise RuntimeError("no PostgreSQL server is installed")
    folder.mkdir(parents=True, exist_ok=True)
    become: dict[str, object] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam(USER)
        become = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        os.chown(folder, account.pw_uid, account.pw_gid)
        for parent in folder.parents:  # pytest's own folders are closed to other users
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)
    data = folder / "data"
    made = [programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, cwd="/", **become)  # type: ignore[call-overload]
    port = _free_port()
    options = (
        "-p",
        str(port),
        "-c",
        "listen_addresses=127.0.0.1",
        "-c",
        f"unix_socket_directories={folder}",
        "-c",
        "fsync=off",
        "-c",
        "max_connections=60",
    )
    log = (folder / "server.log").open("wb")
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, *options], cwd="/", stdout=log, stderr=log, **become
    )  # type: ignore[call-overload]
    url = f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"
    try:
        eventually(lambda: _answers(url))
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # end open connections, too
        server.wait(timeout=30)
        log.close()


def make_database(url: str, name: str) -> str:
    """A fresh database in that cluster; returns its URL."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return url.rpartition("/")[0] + f"/{name}"


def _answers(url: str) -> bool:
    engine = create_engine(url)
    try:
        with engine.connect():
            return True
    except Exception:
        return False
    finally:
        engine.dispose()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
