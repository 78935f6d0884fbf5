"""Which refs of a push may move, decided from facts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from config.git import GitSettings
from gitserver.receive.job import Result, Tip
from gitserver.receive.places import Reasons
from gitserver.receive.refname import HIDDEN, clashing, refused_name
from gitserver.receive.rules import ReceiveRules
from gitserver.refs import Refs
from spaceport.push import ZERO, Reach, RefUpdate, Rejection, pull_number

IsForward = Callable[[str, str], bool]
"""Whether the second commit has the first in its history."""

ATOMIC = "atomic push failure"


@dataclass(frozen=True)
class Refusal:
    """A whole push refused: the reason for every ref, and text for the person."""

    reason: str
    messages: tuple[str, ...] = ()


def refuse_list(updates: Sequence[RefUpdate], most: int) -> Refusal | None:
    """A list that is too long or contradicts itself is refused as a whole (GIT-05)."""
    if len(updates) > most:
        return Refusal("too many refs", (f"One push may change at most {most:,} refs.",))
    names = [update.ref for update in updates]
    twice = {name for name, count in Counter(names).items() if count > 1}
    if twice:
        return Refusal("multiple updates for one ref", (f"Named twice: {_first(twice)}",))
    clashes = clashing(names)
    if clashes:
        return Refusal("refs of the push clash", (f"Cannot exist together: {_first(clashes)}",))
    return None


def refuse_objects(result: Result, shallow: bool) -> Refusal | None:
    """What the examination of the pack means for every ref of the push."""
    if result.too_large:
        lines = [f"  {path} ({size:,} bytes)" for path, size in result.too_large]
        text = "These files are too large for git:\n" + "\n".join(lines)
        advice = "Keep them in git-lfs (git lfs migrate import --include=FILE), and push again."
        return Refusal("file too large", (f"{text}\n{advice}",))
    if result.problems:
        return Refusal(result.problems[0], ("Refused by fsck:", *result.problems))
    if result.missing:
        reason = "shallow update not allowed" if shallow else "missing necessary objects"
        return Refusal(reason, ("Not in the push and not here: " + ", ".join(result.missing[:5]),))
    return None


def refuse_names(
    updates: Iterable[RefUpdate], settings: GitSettings, rules: ReceiveRules
) -> Reasons:
    """Refs whose names nobody may push to."""
    found = {}
    for update in updates:
        reason = refused_name(update.ref, settings.push, rules.names, plain=rules.plain_names)
        if reason is not None:
            found[update.ref] = reason
    return found


def refuse_reach(updates: Iterable[RefUpdate], rules: ReceiveRules, reach: Reach) -> Reasons:
    """Refs that others may push to, and this person may not."""
    beyond = (update.ref for update in updates if not rules.reached(update.ref, reach))
    return dict.fromkeys(beyond, HIDDEN)


def refuse_kinds(updates: Iterable[RefUpdate], tips: Iterable[Tip], rules: ReceiveRules) -> Reasons:
    """Branches hold commits; tags lead to commits (GIT-07, GIT-08)."""
    by_id = {tip.oid: tip for tip in tips}
    found = {}
    for update in updates:
        if update.deleted:
            continue
        tip = by_id.get(update.new, Tip(update.new))
        if not tip.kind:
            found[update.ref] = "missing necessary objects"
        elif _holds_commits(update.ref, rules) and tip.kind != "commit":
            found[update.ref] = f"a branch holds commits only, not a {tip.kind}"
        elif rules.tags_to_commits and tip.peeled != "commit":
            found[update.ref] = f"a tag leads to a commit, not to a {tip.peeled}"
    return found


def refuse_by_hooks(rejections: Iterable[Rejection]) -> Reasons:
    return {rejection.ref: rejection.reason or "refused" for rejection in rejections}


def refuse_state(
    updates: Sequence[RefUpdate], refs: Refs, settings: GitSettings, is_forward: IsForward
) -> Reasons:
    """Compare with the refs as they are, under the lock (GIT-01 to GIT-03)."""
    found: Reasons = {}
    for update in updates:
        current = refs.get(update.ref)
        if current != update.old:
            found[update.ref] = "stale info"
        elif update.deleted and update.ref == refs.head:
            found[update.ref] = "refusing to delete the current branch"
        elif settings.deny_force and _drops_commits(update, is_forward):
            found[update.ref] = "non-fast-forward"
    kept = _after([update for update in updates if update.ref not in found], refs)
    clashes = clashing(kept)
    for update in updates:
        if update.ref in clashes and update.created:
            found.setdefault(update.ref, "a ref of another name is in the way")
        elif update.created and len(kept) > settings.refs:
            found.setdefault(update.ref, f"a repository holds at most {settings.refs} refs")
    return found


def all_or_none(updates: Iterable[RefUpdate], reasons: Mapping[str, str]) -> Reasons:
    """For `atomic`: if any ref is refused, the others are so too (GIT-04)."""
    if not reasons:
        return {}
    return {update.ref: reasons.get(update.ref, ATOMIC) for update in updates}


def _holds_commits(ref: str, rules: ReceiveRules) -> bool:
    return ref.startswith("refs/heads/") or (rules.pulls and pull_number(ref) is not None)


def _drops_commits(update: RefUpdate, is_forward: IsForward) -> bool:
    if update.created or update.deleted or not update.ref.startswith("refs/heads/"):
        return False
    return not is_forward(update.old, update.new)


def _after(updates: Iterable[RefUpdate], refs: Refs) -> set[str]:
    ids = {**refs.ids, **{update.ref: update.new for update in updates}}
    return {ref for ref, oid in ids.items() if oid != ZERO}


def _first(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)[:5])
