"""How many processes wait for which kind of app: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.runtime import PrestartSettings
from spaceport.engine import Handle

EACH = 256 * 1024**2
"""Bytes of memory that a waiting process is reckoned with; gradio takes about 130 MiB."""


@dataclass(frozen=True)
class Waiting:
    handle: Handle
    kind: str


@dataclass(frozen=True)
class Plan:
    start: tuple[str, ...] = ()  # kinds; one more of each
    drop: tuple[Handle, ...] = ()


def plan(
    starts: Mapping[str, int],
    waiting: Sequence[Waiting],
    settings: PrestartSettings,
    available: int,
) -> Plan:
    """`starts`: how often each kind was started lately, of Spaces that may start again.
    `available`: bytes of memory that the host could still give; `waiting` have theirs already.

    The most started kinds first, each once before any twice. When memory is short nothing waits.
    """
    more = int(available * settings.memory_share) // EACH
    most = 0 if available < EACH else min(settings.total, len(waiting) + more)
    wanted = _shared_out(starts, settings.each, most)
    have: dict[str, int] = {}
    drop = []
    for one in waiting:
        have[one.kind] = have.get(one.kind, 0) + 1
        if have[one.kind] > wanted.get(one.kind, 0):
            drop.append(one.handle)
    start = tuple(kind for kind, count in wanted.items() if have.get(kind, 0) < count)
    return Plan(start, tuple(drop))


def _shared_out(starts: Mapping[str, int], each: int, most: int) -> dict[str, int]:
    order = sorted(starts, key=lambda kind: (-starts[kind], kind))
    wanted: dict[str, int] = {}
    for kind in [kind for _ in range(each) for kind in order][:most]:
        wanted[kind] = wanted.get(kind, 0) + 1
    return wanted
