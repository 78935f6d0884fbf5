"""Variables and secrets in the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from spaceport.errors import Invalid
from spaceport.ledger import Ledger, accounts, entries, events, secrets, spaces, variables
from spaceport.ledger.accounts import Account
from spaceport.ledger.columns import now
from spaceport.ledger.spaces import Space
from spaceport.ledger.tables import secrets as secrets_table
from spaceport.ledger.tables import variables as variables_table
from spaceport.sealing import Keyring, Unsealable
from tests.spaceport.conftest import add_space

Setter = Callable[[str, str], None]


@pytest.fixture(params=["variable", "secret"])
def set_one(
    request: pytest.FixtureRequest, ledger: Ledger, keyring: Keyring, space: Space
) -> Setter:
    def set_(name: str, value: str) -> None:
        with ledger.write() as tx:
            if request.param == "variable":
                variables.set_(tx, space.key, name, value)
            else:
                secrets.set_(tx, keyring, space.key, name, value)

    return set_


@pytest.mark.req("KEY-07")
@pytest.mark.parametrize(
    "name", ["", "1A", "A-B", "A B", "Ä", "A" * 129, "SPACE_ID", "SYSTEM", "PORT", "A=B", "A\n"]
)
def test_bad_and_reserved_names_are_refused(set_one: Setter, name: str) -> None:
    with pytest.raises(Invalid):
        set_one(name, "x")


def test_good_names_and_values_of_every_character(
    set_one: Setter, ledger: Ledger, keyring: Keyring, space: Space
) -> None:
    everything = "".join(map(chr, range(1, 256))) + "\n\r\t😀"
    for name in ("a", "_", "HF_HOME", "A" * 128):
        set_one(name, everything)
    with ledger.read() as tx:
        found = variables.of(tx, space.key) | secrets.reveal(tx, keyring, space.key)
    assert found == dict.fromkeys(("a", "_", "HF_HOME", "A" * 128), everything)


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_values_that_no_environment_holds_are_refused(set_one: Setter, value: str) -> None:
    with pytest.raises(Invalid):
        set_one("NAME", value)


def test_sizes_at_the_limit_and_one_above(ledger: Ledger, keyring: Keyring, space: Space) -> None:
    with ledger.write() as tx:
        variables.set_(tx, space.key, "V", "é" * (variables.MAX_VALUE // 2))
        secrets.set_(tx, keyring, space.key, "S", "x" * secrets.MAX_VALUE)
        with pytest.raises(Invalid, match="bytes"):
            variables.set_(tx, space.key, "W", "x" * (variables.MAX_VALUE + 1))
        with pytest.raises(Invalid, match="bytes"):
            secrets.set_(tx, keyring, space.key, "T", "x" * (secrets.MAX_VALUE + 1))
        with pytest.raises(Invalid, match="description"):
            variables.set_(tx, space.key, "W", "x", description="d" * 1001)


def test_counts_at_the_limit_and_one_above(ledger: Ledger, keyring: Keyring, space: Space) -> None:
    with ledger.write() as tx:
        for number in range(secrets.MAX_COUNT):
            secrets.set_(tx, keyring, space.key, f"S{number}", "x")
        secrets.set_(tx, keyring, space.key, "S0", "overwriting is no new one")
        with pytest.raises(Invalid, match="at most 100 secrets"):
            secrets.set_(tx, keyring, space.key, "ONE_MORE", "x")
        for number in range(variables.MAX_COUNT):
            variables.set_(tx, space.key, f"V{number}", "x")
        with pytest.raises(Invalid, match="at most 200 variables"):
            variables.set_(tx, space.key, "ONE_MORE", "x")


def test_all_together_still_fit_into_an_environment(
    ledger: Ledger, keyring: Keyring, space: Space
) -> None:
    with ledger.write() as tx:
        for number in range(8):
            secrets.set_(tx, keyring, space.key, f"S{number}", "x" * secrets.MAX_VALUE)
        for number in range(15):
            variables.set_(tx, space.key, f"V{number}", "x" * variables.MAX_VALUE)
    for kind in ("variable", "secret"):
        with pytest.raises(Invalid, match="together have at most 1024 KiB"), ledger.write() as tx:
            if kind == "variable":
                variables.set_(tx, space.key, "MORE", "x" * variables.MAX_VALUE)
            else:
                secrets.set_(tx, keyring, space.key, "MORE", "x" * variables.MAX_VALUE)
    with ledger.read() as tx:
        assert len(variables.of(tx, space.key)) == 15


def test_one_name_is_never_both(ledger: Ledger, keyring: Keyring, space: Space) -> None:
    with ledger.write() as tx:
        variables.set_(tx, space.key, "A", "1")
        secrets.set_(tx, keyring, space.key, "B", "2")
        with pytest.raises(Invalid, match="A is already a variable"):
            secrets.set_(tx, keyring, space.key, "A", "x")
        with pytest.raises(Invalid, match="B is already a secret"):
            variables.set_(tx, space.key, "B", "x")
        assert entries.clashes(tx, space.key) == []
        row = {"space_key": space.key, "name": "B", "value": "", "updated_at": now()}
        tx.execute(insert(variables_table).values(row))
        assert entries.clashes(tx, space.key) == ["B"]


def test_every_change_is_one_for_the_next_release(
    ledger: Ledger, keyring: Keyring, space: Space, ada: Account
) -> None:
    with ledger.write() as tx:
        variables.set_(tx, space.key, "A", "1", description="how many", actor_id=ada.id)
        variables.set_(tx, space.key, "A", "2")
        secrets.set_(tx, keyring, space.key, "B", "geheim")
        assert variables.remove(tx, space.key, "A")
        assert not variables.remove(tx, space.key, "A")
        assert secrets.remove(tx, space.key, "B")
        assert not secrets.remove(tx, space.key, "B")
        assert spaces.get(tx, space.key).settings_version == 5
        told = [event.detail for event in events.of_space(tx, space.key)][4::-1]
    assert told == [
        {"variable": "A", "change": "set"},
        {"variable": "A", "change": "set"},
        {"secret": "B", "change": "set"},
        {"variable": "A", "change": "removed"},
        {"secret": "B", "change": "removed"},
    ]


def test_a_description_stays_until_another_is_given(
    ledger: Ledger, keyring: Keyring, space: Space
) -> None:
    with ledger.write() as tx:
        for description in ("first", None, "second"):
            variables.set_(tx, space.key, "A", "1", description=description)
            secrets.set_(tx, keyring, space.key, "B", "2", description=description)
            expected = description or "first"
            assert variables.listed(tx, space.key)[0].description == expected
            assert secrets.names(tx, space.key)[0].description == expected


@pytest.mark.req("KEY-01")
def test_a_ciphertext_opens_in_no_other_row(
    ledger: Ledger, keyring: Keyring, space: Space, ada: Account
) -> None:
    def sealed(key: str) -> dict[str, tuple[int, bytes]]:
        rows = tx.execute(select(secrets_table).where(secrets_table.c.space_key == key))
        return {row["name"]: (row["version"], row["sealed"]) for row in rows.mappings()}

    def put(key: str, name: str, version: int, value: bytes) -> None:
        here = (secrets_table.c.space_key == key, secrets_table.c.name == name)
        values = {"version": version, "sealed": value}
        tx.execute(update(secrets_table).where(*here).values(values))

    with ledger.write() as tx:
        other = add_space(tx, ada, "other")
        secrets.set_(tx, keyring, space.key, "A", "first")
        old = sealed(space.key)["A"]
        secrets.set_(tx, keyring, space.key, "A", "second")
        secrets.set_(tx, keyring, space.key, "B", "of B")
        secrets.set_(tx, keyring, other.key, "A", "of another Space")
        good = sealed(space.key)["A"]
        foreign = [sealed(space.key)["B"], sealed(other.key)["A"], (good[0], old[1])]
        for version, value in foreign:
            put(space.key, "A", version, value)
            with pytest.raises(Unsealable):
                secrets.reveal(tx, keyring, space.key)
        put(space.key, "A", *good)
        assert secrets.reveal(tx, keyring, space.key) == {"A": "second", "B": "of B"}


@pytest.mark.req("KEY-01")
def test_a_deleted_secret_does_not_come_back_with_its_old_version(
    ledger: Ledger, keyring: Keyring, space: Space
) -> None:
    with ledger.write() as tx:
        secrets.set_(tx, keyring, space.key, "A", "first")
        first = secrets.versions(tx, space.key)["A"]
        secrets.remove(tx, space.key, "A")
        secrets.set_(tx, keyring, space.key, "A", "second")
        assert secrets.versions(tx, space.key)["A"] > first


@pytest.mark.req("KEY-05")
def test_neither_value_nor_ciphertext_stays_in_the_file(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    from spaceport.ledger.keyring import open_keyring

    keyring = open_keyring(ledger, tmp_path / "keys")
    with ledger.write() as tx:
        owner = accounts.create_user(tx, "ada")
        key = add_space(tx, owner, "demo").key
        secrets.set_(tx, keyring, key, "A", "canary-8241")
        sealed = tx.execute(select(secrets_table.c.sealed)).scalar_one()
        secrets.remove(tx, key, "A")
    ledger.fold()  # as the janitor does every ten minutes, while everything runs
    for path in tmp_path.glob("ledger.sqlite3*"):
        assert b"canary-8241" not in path.read_bytes()
        assert sealed not in path.read_bytes()
    ledger.close()


def test_writers_of_one_name_take_turns(ledger: Ledger, space: Space) -> None:
    def write(number: int) -> None:
        with ledger.write() as tx:
            variables.set_(tx, space.key, f"N{number}", str(number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as tx:
        assert len(variables.of(tx, space.key)) == 12
        assert spaces.get(tx, space.key).settings_version == 12
