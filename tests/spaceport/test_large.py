"""Who holds which large object, and that no quota is overshot, on both kinds of ledger."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from spaceport.errors import NotFound
from spaceport.ledger import Ledger, file_locks, large, spaces
from spaceport.ledger.accounts import Account
from spaceport.ledger.columns import now
from spaceport.ledger.large import Quota, QuotaFull
from spaceport.ledger.spaces import Space
from tests.spaceport.conftest import add_space

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
SOON = timedelta(minutes=5)


@pytest.mark.req("LFS-04")
def test_hold_renew_let_go(ledger: Ledger, space: Space, ada: Account) -> None:
    with ledger.write() as tx:
        other = add_space(tx, ada, "other")
        large.hold(tx, space.key, A, 10, actor_id=ada.id)
        large.hold(tx, space.key, A, 10, blob_id="1" * 40)
        large.hold(tx, other.key, B, 20)
    with ledger.read() as tx:
        (held,) = large.held(tx, space.key, [A, B]).values()
        assert (held.oid, held.size, held.blob_id) == (A, 10, "1" * 40)
        assert large.held(tx, other.key).keys() == {B}
        assert large.held_anywhere(tx, [A, B, C]) == {A, B}
        assert large.used(tx, space.key) == 10
    with ledger.write() as tx:
        assert large.renew(tx, space.key, A) and not large.renew(tx, space.key, B)
        assert large.let_go(tx, space.key, [A], now() - SOON) == 0
        assert large.let_go(tx, space.key, [A, B], now() + SOON) == 1
        assert large.unheld(tx, A) and not large.unheld(tx, B)
        spaces.mark_deleted(tx, other.key)
        with pytest.raises(NotFound):
            large.hold(tx, other.key, C, 1)
        spaces.purge(tx, other.key)
        assert large.unheld(tx, B)


@pytest.mark.req("LFS-07")
def test_room_is_set_aside(ledger: Ledger, space: Space, ada: Account) -> None:
    quota = Quota(space=100, owner=150)
    with ledger.write() as tx:
        other = add_space(tx, ada, "other")
        refused = large.promise(tx, space.key, [(A, 60), (B, 60), (C, 40)], quota, now() + SOON)
        assert refused.keys() == {B} and "100 bytes" in str(refused[B])
        # Asked again, it needs its room once.
        assert large.promise(tx, space.key, [(A, 60)], quota, now() + SOON) == {}
        refused = large.promise(tx, other.key, [(B, 51)], quota, now() + SOON)
        assert "owner" in str(refused[B])
        large.hold(tx, space.key, A, 60, quota)
        with pytest.raises(QuotaFull):
            large.hold(tx, space.key, B, 1, quota)
        large.hold(tx, space.key, C, 40, quota)
        large.hold(tx, other.key, B, 50, quota)
        with pytest.raises(QuotaFull):
            large.hold(tx, other.key, C, 1, quota)
        spaces.mark_deleted(tx, space.key)  # a deleted Space takes no room of its owner
        large.hold(tx, other.key, C, 1, quota)


def test_promises_pass(ledger: Ledger, space: Space) -> None:
    quota = Quota(space=100)
    with ledger.write() as tx:
        assert large.promise(tx, space.key, [(A, 100)], quota, now() - SOON) == {}
        assert large.promise(tx, space.key, [(B, 100)], quota, now() + SOON) == {}
        with pytest.raises(QuotaFull):
            large.hold(tx, space.key, A, 100, quota)


@pytest.mark.req("LFS-07")
def test_many_at_once_do_not_overshoot(database: str, ledger: Ledger, space: Space) -> None:
    other = Ledger(database)
    quota = Quota(space=1000)
    refused: list[int] = []

    def upload(through: Ledger, number: int) -> None:
        oid = f"{number:064x}"
        try:
            with through.write() as tx:
                large.hold(tx, space.key, oid, 100, quota)
        except QuotaFull:
            refused.append(number)

    threads = [
        threading.Thread(target=upload, args=((ledger, other)[number % 2], number))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    with ledger.read() as tx:
        assert large.used(tx, space.key) == 1000
    assert len(refused) == 10


def test_the_collector_and_a_new_holder_take_turns(
    database: str, ledger: Ledger, space: Space
) -> None:
    """While somebody looks whether an object is held, nobody begins to hold it."""
    other = Ledger(database)
    begun, order = threading.Event(), []

    def hold() -> None:
        begun.set()
        with other.write() as tx:
            large.hold(tx, space.key, A, 1)
        order.append("held")

    holder = threading.Thread(target=hold)
    with ledger.write() as tx:
        assert large.unheld(tx, A)
        holder.start()
        begun.wait(10)
        holder.join(0.2)
        order.append("looked")
    holder.join(20)
    other.close()
    assert order == ["looked", "held"]


@pytest.mark.req("LFS-11")
def test_locks(ledger: Ledger, space: Space, ada: Account) -> None:
    with ledger.write() as tx:
        other = add_space(tx, ada, "other")
        lock, made = file_locks.create(tx, space.key, "a/b", ada.id)
        assert made and (lock.path, lock.owner) == ("a/b", ada.name)
        assert file_locks.create(tx, space.key, "a/b", ada.id) == (lock, False)
        assert file_locks.create(tx, other.key, "a/b", ada.id)[1]
        long = "x/" * 2000
        assert file_locks.create(tx, space.key, long, ada.id)[0].path == long
        assert file_locks.listed(tx, space.key, limit=10, path="a/b") == [lock]
        assert not file_locks.remove(tx, other.key, lock.id)
        assert file_locks.remove(tx, space.key, lock.id)
        assert file_locks.listed(tx, space.key, limit=10, id=lock.id) == []


@pytest.mark.req("LFS-07", "11.12")
def test_what_a_contributor_brings_counts_until_it_is_merged(
    ledger: Ledger, space: Space, ada: Account
) -> None:
    quota = Quota(contributor=100, by="somebody")
    assert Quota(contributor=100).unlimited and not quota.unlimited
    with ledger.write() as tx:
        other = add_space(tx, ada, "other")
        assert large.promise(tx, space.key, [(A, 60)], quota, now() + SOON) == {}
        refused = large.promise(tx, other.key, [(B, 60)], quota, now() + SOON)
        assert "100 bytes" in str(refused[B]) and "60" in str(refused[B])
        large.hold(tx, space.key, A, 60, quota, actor_id="somebody")
        with pytest.raises(QuotaFull):
            large.hold(tx, other.key, B, 60, quota, actor_id="somebody")
        large.hold(tx, other.key, B, 60, Quota(contributor=100, by="another"), actor_id="another")
        large.hold(tx, other.key, C, 900, Quota(contributor=100), actor_id=ada.id)
        large.adopt(tx, space.key, "another")
        assert large.shortage(tx, other.key, 60, quota) is not None
        large.adopt(tx, space.key, "somebody")
        assert large.shortage(tx, other.key, 60, quota) is None
