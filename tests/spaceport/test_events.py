"""The event log: numbers in order, durable cursors, dead letters."""

from __future__ import annotations

import threading

import pytest

from spaceport.ledger import Ledger, events
from spaceport.ledger.events import EventKind


def numbers(ledger: Ledger, after: int = 0) -> list[int]:
    with ledger.read() as tx:
        return [event.seq for event in events.after(tx, after)]


def test_events_are_numbered_and_carry_what_was_said(ledger: Ledger) -> None:
    with ledger.write() as tx:
        first = events.append(tx, EventKind.SPACE_CREATED, "a" * 24, actor_id="b" * 24, id="x/y")
        second = events.append(tx, EventKind.HEAD_MOVED, "a" * 24)
    assert second > first
    with ledger.read() as tx:
        event = events.after(tx, 0)[0]
        assert (event.kind, event.space_key, event.actor_id) == (
            EventKind.SPACE_CREATED,
            "a" * 24,
            "b" * 24,
        )
        assert event.detail == {"id": "x/y"} and event.at.tzinfo is not None
        assert [each.seq for each in events.of_space(tx, "a" * 24)] == [second, first]
        assert [each.seq for each in events.after(tx, first, limit=1)] == [second]
        assert events.last_seq(tx) == second


@pytest.mark.req("DUR-06")
def test_an_event_is_there_with_its_change_or_not_at_all(ledger: Ledger) -> None:
    with pytest.raises(RuntimeError), ledger.write() as tx:
        events.append(tx, EventKind.SPACE_CHANGED, "a" * 24)
        raise RuntimeError("half way")
    assert numbers(ledger) == []


def test_a_number_is_never_given_twice(ledger: Ledger) -> None:
    with ledger.write() as tx:
        events.append(tx, EventKind.SPACE_CHANGED)
        last = events.append(tx, EventKind.SPACE_CHANGED)
        assert events.forget_before(tx, last) == 2
    with ledger.write() as tx:
        assert events.append(tx, EventKind.SPACE_CHANGED) > last


def test_cursors_are_kept_for_each_follower(ledger: Ledger) -> None:
    with ledger.write() as tx:
        assert events.cursor(tx, "builder") is None
        events.move_cursor(tx, "builder", 3)
        events.move_cursor(tx, "builder", 5)
        events.move_cursor(tx, "runtime", 4)
    with ledger.read() as tx:
        assert events.cursor(tx, "builder") == 5 and events.cursor(tx, "runtime") == 4


def test_events_are_forgotten_only_behind_every_cursor(ledger: Ledger) -> None:
    with ledger.write() as tx:
        seqs = [events.append(tx, EventKind.SPACE_CHANGED) for _ in range(6)]
        events.move_cursor(tx, "slow", seqs[1])
        events.move_cursor(tx, "fast", seqs[5])
        assert events.forget_before(tx, seqs[4]) == 2
    assert numbers(ledger) == seqs[2:]


def test_dead_letters_are_kept_for_the_operator(ledger: Ledger) -> None:
    with ledger.write() as tx:
        events.bury(tx, "builder", 7, "a" * 24, "ValueError()")
    with ledger.read() as tx:
        letter = events.buried(tx)[0]
    assert (letter["follower"], letter["seq"], letter["error"]) == ("builder", 7, "ValueError()")


def test_a_follower_that_reads_while_others_write_misses_nothing(ledger: Ledger) -> None:
    """Numbers become visible in order: a cursor never steps over one that commits later."""
    writers, each = 6, 25

    def write() -> None:
        for _ in range(each):
            with ledger.write() as tx:
                events.append(tx, EventKind.SPACE_CHANGED)

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    while any(thread.is_alive() for thread in threads):
        seen += numbers(ledger, seen[-1] if seen else 0)
    seen += numbers(ledger, seen[-1] if seen else 0)
    assert len(seen) == writers * each
    assert seen == numbers(ledger) == sorted(seen)


def test_listeners_hear_every_commit_and_no_failure(ledger: Ledger) -> None:
    heard: list[int] = []
    stop = ledger.listen(lambda: heard.append(1))
    with ledger.write():
        pass
    with pytest.raises(RuntimeError), ledger.write():
        raise RuntimeError("half way")
    stop()
    with ledger.write():
        pass
    assert heard == [1]
