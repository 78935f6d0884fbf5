"""The checks of a push, in order. The first that refuses ends it; warnings are all told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hooks.checks.front_matter import check_front_matter
from hooks.checks.large_files import check_large_files
from hooks.checks.paths import check_paths
from hooks.checks.pointers import HasLarge, check_pointers
from hooks.checks.pull_requests import Pulls, check_pull_requests
from hooks.checks.repository_size import check_repository_size
from hooks.checks.verdict import Verdict
from hooks.incoming import Readable, brought
from spaceport.push import Push, Rejection

CONTRIBUTED = 2
"""Who may only contribute can fill the repository to this part of its limit: the rest is for those
who may write."""


@dataclass(frozen=True)
class Limits:
    """Bytes; 0 is no limit."""

    blob: int
    repository: int


@dataclass(frozen=True)
class Sizes:
    """Bytes of git data: what the repository holds, and what this push adds."""

    present: int = 0
    more: int = 0


def judge(
    push: Push,
    objects: Readable,
    known: Readable,
    *,
    limits: Limits,
    sizes: Sizes,
    has_large: HasLarge | None,
    tell: Callable[[str], None],
    pulls: Pulls | None = None,
) -> list[Rejection]:
    """Decide on a push whose objects are sound. `known` is the repository before it.

    `tell` takes lines for the person who pushes. Without `has_large` pointers are not looked at.
    `pulls` is there when the push names pull requests, or its pusher may do nothing else.
    """
    for verdict in _verdicts(push, objects, known, limits, sizes, has_large, pulls):
        for warning in verdict.warnings:
            first, *rest = warning.split("\n")
            tell(f"warning: {first}")
            for line in rest:
                tell(line)
        if verdict.rejections:
            return list(verdict.rejections)
    return []


def _verdicts(
    push: Push,
    objects: Readable,
    known: Readable,
    limits: Limits,
    sizes: Sizes,
    has_large: HasLarge | None,
    pulls: Pulls | None,
) -> Iterator[Verdict]:
    if pulls is not None:
        yield check_pull_requests(push, pulls)
    most = limits.repository if push.reach.branches else limits.repository // CONTRIBUTED
    yield check_repository_size(push, sizes.present, sizes.more, most)
    tips = [update.new for update in push.updates if not update.deleted]
    new = brought(objects, known, tips)
    if limits.blob:
        yield check_large_files(push, new, limits.blob)
    yield check_paths(push, new)
    if has_large is not None:
        yield check_pointers(push, new, objects, has_large)
    yield check_front_matter(push, objects)
