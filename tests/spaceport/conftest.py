"""The ledger on both databases, and an account and a Space to begin with."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from spaceport.ledger import Ledger, Tx, accounts, spaces
from spaceport.ledger.accounts import Account
from spaceport.ledger.database import sqlite_url
from spaceport.ledger.keyring import open_keyring
from spaceport.ledger.spaces import Space, Visibility
from spaceport.names import new_key
from spaceport.sdk import Sdk
from spaceport.sealing import Keyring
from tests.spaceport import postgresql

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgresql.cluster(tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; a test that asks for it runs once on each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    server = request.getfixturevalue("postgresql_url")
    return postgresql.make_database(server, f"ledger{next(_numbers)}")


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    opened = Ledger(database)
    yield opened
    opened.close()


@pytest.fixture
def keyring(ledger: Ledger, tmp_path: Path) -> Keyring:
    return open_keyring(ledger, tmp_path / "keys")


@pytest.fixture
def ada(ledger: Ledger) -> Account:
    with ledger.write() as tx:
        return accounts.create_user(tx, "Ada")


@pytest.fixture
def space(ledger: Ledger, ada: Account) -> Space:
    with ledger.write() as tx:
        return add_space(tx, ada, "demo")


def add_space(
    tx: Tx, owner: Account, name: str, visibility: Visibility = Visibility.PUBLIC
) -> Space:
    return spaces.create(
        tx,
        new_key(),
        owner.id,
        name,
        creator_id=owner.id,
        visibility=visibility,
        sdk=Sdk.GRADIO,
    )
