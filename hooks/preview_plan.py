"""Which previews a Space should have now; pure.

The branches and pull requests of its repository are compared with what the ledger has: previews,
and marks of heads that get none. A mark is made when a preview ends or none can be made, and lasts
until the ref moves; so a preview that went does not come back by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from spaceport.push import has_preview


@dataclass(frozen=True)
class Present:
    """A preview that is there. `personal`: somebody gave it secrets or other hardware."""

    ref: str
    head: str | None
    asleep: bool
    used_at: datetime
    personal: bool = False


@dataclass(frozen=True)
class Known:
    """What there is: `heads` of all refs that are looked at, previews, and marks by ref."""

    heads: Mapping[str, str]
    present: tuple[Present, ...]
    marks: Mapping[str, str]


@dataclass(frozen=True)
class Rules:
    """`most` previews at the same time; one unused for `rest` may make way for a new push."""

    wanted: bool
    most: int
    rest: timedelta


@dataclass(frozen=True)
class Plan:
    """Refs, in the order in which to act on them."""

    end: tuple[str, ...] = ()  # the ref is gone, or previews are not wanted
    move: tuple[str, ...] = ()  # the ref has another head now
    make_way: tuple[str, ...] = ()  # for one of `begin`
    begin: tuple[str, ...] = ()
    mark: tuple[str, ...] = ()  # no room for a preview
    forget: tuple[str, ...] = ()  # marks of refs that are gone

    def __bool__(self) -> bool:
        return any((self.end, self.move, self.make_way, self.begin, self.mark, self.forget))


def plan(
    known: Known, rules: Rules, now: datetime, *, pushed: Iterable[str] = (), all_refs: bool = True
) -> Plan:
    """What to change. Refs in `pushed` may take the place of what nobody uses; without `all_refs`
    those that are not in `heads` were not looked at, unless they were pushed."""
    if not rules.wanted:
        return Plan(end=tuple(each.ref for each in known.present), forget=tuple(known.marks))
    new = set(pushed)
    looked_at = new if not all_refs else {*new, *known.heads, *known.marks}
    looked_at |= {each.ref for each in known.present} if all_refs else set()
    heads = {ref: head for ref, head in known.heads.items() if has_preview(ref)}
    end = [each.ref for each in known.present if each.ref in looked_at - heads.keys()]
    kept = {each.ref: each for each in known.present if each.ref not in end}
    move = [ref for ref, each in kept.items() if ref in heads and each.head != heads[ref]]
    asked = [ref for ref in heads if ref not in kept and known.marks.get(ref) != heads[ref]]
    asked.sort(key=lambda ref: (ref not in new, ref))
    room = rules.most - len(kept)
    idle = [each for each in kept.values() if _may_make_way(each, now - rules.rest, new)]
    idle.sort(key=lambda each: each.used_at)
    begin, make_way, mark = [], [], []
    for ref in asked:
        if room <= 0 and ref in new and idle:
            make_way.append(idle.pop(0).ref)
            room += 1
        if room > 0:
            begin.append(ref)
            room -= 1
        else:
            mark.append(ref)
    gone = tuple(ref for ref in known.marks if ref in looked_at - heads.keys())
    return Plan(tuple(end), tuple(move), tuple(make_way), tuple(begin), tuple(mark), gone)


def _may_make_way(preview: Present, before: datetime, pushed: set[str]) -> bool:
    unused = preview.asleep and preview.used_at < before
    return unused and not preview.personal and preview.ref not in pushed
