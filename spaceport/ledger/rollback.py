"""Going back to an earlier release: one transaction; the runtime then starts what it says.

The Space is held afterwards (`Space.held`): what is built of its present head is not released,
until a push, a factory rebuild, or a rollback to what the newest build made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import update

from spaceport.errors import Conflict, Invalid, NotFound
from spaceport.failpoints import failpoint
from spaceport.ledger import builds, events, releases, secrets, spaces, variables
from spaceport.ledger.database import Tx
from spaceport.ledger.events import EventKind
from spaceport.ledger.releases import Release
from spaceport.ledger.spaces import Space
from spaceport.ledger.tables import spaces as space_rows
from spaceport.names import SpaceKey
from spaceport.states import BuildState, ReleaseState

LONG = 1000  # releases that are looked at to find an earlier one


@dataclass(frozen=True)
class RolledBack:
    """The new release, and in plain words what of the old one could not be brought back."""

    release: Release
    notes: tuple[str, ...] = ()


def roll_back(
    tx: Tx,
    key: SpaceKey,
    number: int | None = None,
    *,
    missing: Callable[[Release], str] = lambda release: "",
    actor_id: str | None = None,
) -> RolledBack:
    """Make a release of what release `number`, or the version before the present one, was.

    Its artifact and variables come back; secrets and hardware are the present ones. A Space that
    slept is wanted again, a paused one stays paused. Asked twice it is done once. `missing` tells
    what of a release's files is not there, if anything. Raises `NotFound`, `Invalid` and
    `Conflict`, each of which says what to do.
    """
    found = releases.history(tx, key, LONG)
    target = numbered(tx, key, number) if number is not None else before(found)
    here = present(found)
    if target.version == here.version and target.variables == here.variables:
        space = spaces.get(tx, key)
        held = space.rolled_back_from == _head_to_hold(tx, space, target)
        if here.state is ReleaseState.PENDING:
            if not held:
                _hold(tx, space, target, actor_id)
            return RolledBack(here, _notes(target, here, ()))
        if held:
            raise Conflict(
                f"Release {target.number} is what runs already.",
                hint="To start it anew, restart the Space.",
            )
    gone = missing(target)
    if gone:
        raise Invalid(
            f"Release {target.number} cannot be started again: {gone} is not there any more.",
            hint=f"Push revision {target.revision[:10]} again to have it built, "
            "or choose another release.",
        )
    clashing = _restore(tx, key, target.variables, actor_id)
    releases.retire_pending(tx, key)
    made = releases.again(
        tx,
        spaces.get(tx, key),
        target,
        variables=variables.of(tx, key),
        secret_versions=secrets.versions(tx, key),
    )
    _hold(tx, spaces.get(tx, key), target, actor_id)
    failpoint("rollback:before-commit")
    return RolledBack(made, _notes(target, made, clashing))


def numbered(tx: Tx, key: SpaceKey, number: int) -> Release:
    """Release `number`, if it can be started again. Raises `NotFound` or `Invalid`."""
    release = releases.numbered(tx, key, number)
    if release is None:
        raise NotFound(
            f"This Space has no release {number}.", hint="Its list of releases shows which it has."
        )
    why = why_not(release)
    if why:
        raise Invalid(why, hint="Choose another release.")
    return release


def before(found: Sequence[Release]) -> Release:
    """The version before the present one; `found` is newest first. Raises `NotFound`.

    Once rolled back, the next step back goes further, past what was rolled back from. What only
    restarted the same thing is passed over.
    """
    if not found:
        raise NotFound(
            "This Space has no release yet.", hint="Push an app; there is one when it was built."
        )
    here = present(found)
    earlier = (one for one in found if one.number < here.version and one.rollback_of is None)
    for one in earlier:
        same = (one.build_id, one.variables) == (here.build_id, here.variables)
        if not same and not why_not(one):
            return one
    raise NotFound(
        "There is no earlier release that can be started again.",
        hint="Push the revision that you want to go back to.",
    )


def present(found: Sequence[Release]) -> Release:
    """The release that runs or is to run; `found` is newest first and not empty."""
    if found[0].state is ReleaseState.PENDING:
        return found[0]
    live = (release for release in found if release.state is ReleaseState.LIVE)
    return next(live, found[0])


def why_not(release: Release) -> str:
    """Why a release cannot be gone back to, as far as the ledger knows; empty when it can be."""
    if release.live_at is None:
        return f"Release {release.number} never answered a request, so it never was what ran."
    if release.dropped_at is not None:
        return (
            f"Release {release.number} is not kept any more: only the last versions are, and its "
            "files were removed to save room."
        )
    return ""


def _restore(
    tx: Tx, key: SpaceKey, wanted: Mapping[str, str], actor_id: str | None
) -> tuple[str, ...]:
    """Make the variables those of the release; gives the names that are secrets now."""
    now, hidden = variables.of(tx, key), secrets.versions(tx, key)
    for name in now.keys() - wanted.keys():
        variables.remove(tx, key, name, actor_id=actor_id)
    for name, value in wanted.items():
        if name not in hidden and now.get(name) != value:
            variables.set_(tx, key, name, value, actor_id=actor_id)
    return tuple(sorted(hidden.keys() & wanted.keys()))


def _head_to_hold(tx: Tx, space: Space, target: Release) -> str | None:
    """What `rolled_back_from` is to be: None when the target is what was built of the head."""
    newest = builds.newest(tx, space.key)
    of_head = (
        newest is not None
        and newest.id == target.build_id
        and newest.state is BuildState.SUCCEEDED
        and newest.revision == space.head
    )
    return None if of_head else space.head or ""


def _hold(tx: Tx, space: Space, target: Release, actor_id: str | None) -> None:
    """Keep later looks from releasing what was built so far, wake a Space that sleeps, and the
    builder, which stops what is not wanted any more."""
    newest = builds.newest(tx, space.key)
    values = {
        "rolled_back_from": _head_to_hold(tx, space, target),
        "skipped_builds": newest.number if newest is not None else 0,
    }
    tx.execute(update(space_rows).where(space_rows.c.key == space.key).values(values))
    spaces.wake(tx, space.key, actor_id=actor_id)
    kind = EventKind.SPACE_WANTED
    events.append(tx, kind, space.key, actor_id=actor_id, rollback=target.version)


def _notes(old: Release, new: Release, clashing: Sequence[str]) -> tuple[str, ...]:
    """Values of secrets are kept once, the present ones: say where that makes a difference."""
    then, now = old.secret_versions, new.secret_versions
    changed = sorted(name for name in then.keys() & now.keys() if then[name] != now[name])
    notes = []
    if changed:
        notes.append(
            f"Secrets have their present values, which were set after release {old.number}: "
            f"{', '.join(changed)}."
        )
    gone = sorted(then.keys() - now.keys())
    if gone:
        notes.append(
            f"Secrets of release {old.number} that were deleted since are not set: "
            f"{', '.join(gone)}."
        )
    if clashing:
        notes.append(f"Variables that are secrets now stay secrets: {', '.join(clashing)}.")
    if old.flavor != new.flavor:
        notes.append(f"It runs on the present hardware, {new.flavor} (before: {old.flavor}).")
    return tuple(notes)
