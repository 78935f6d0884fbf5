"""The end of a push into a plain repository, in git's order: pre-receive, objects in, for each ref
its checks, `update` and the change under git's locks, then post-receive and post-update."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gitserver.objects.ancestry import has_ancestor
from gitserver.objects.entry import BadObject
from gitserver.objects.store import Objects
from gitserver.pack.store import with_alternates
from gitserver.plain.find import Found
from gitserver.plain.hook_files import HookFiles
from gitserver.plain.reflog import write_logs
from gitserver.plain.refs import RefChange, RefTransaction, RefTrouble, resolve, value
from gitserver.plain.rules import ALLOW, UPDATE, WARNING, Checks, PlainRules
from gitserver.plain.worktree import Checkout, checkouts, update_tree
from gitserver.receive.places import Reasons, Storing
from gitserver.receive.store import Peel
from gitserver.receive.verdict import all_or_none
from spaceport.push import Push, RefUpdate

_log = logging.getLogger(__name__)
FAILED = "failed to update ref"
_HOW_TO_PUSH = """\
By default, updating the current branch in a non-bare repository is denied, because it
makes the index and work tree inconsistent with what was pushed. Set the configuration
variable 'receive.denyCurrentBranch' in the remote repository to 'ignore' or 'warn' to
allow it, or to 'updateInstead' to bring the work tree along."""
_HOW_TO_DELETE = """\
By default, deleting the current branch is denied, because the next 'git clone' won't
result in any file checked out. Set 'receive.denyDeleteCurrent' to 'warn' or 'ignore' in
the remote repository to allow it."""


class PlainPush:
    """One push that has passed the checks of its objects."""

    def __init__(
        self, found: Found, rules: PlainRules, storing: Storing, hook_seconds: float
    ) -> None:
        self._found = found
        self._rules = rules
        self._checks: Checks = rules.checks
        self._storing = storing
        self._say = storing.say
        self._who = committer(storing.push)
        environment = hook_environment(storing)
        where = rules.hooks, found.git_dir, environment, hook_seconds
        self._hooks = HookFiles(*where, storing.say)
        self._quiet = HookFiles(*where, _log_hook)
        """For hooks whose output is no answer to the pusher."""
        self._options = options_environment(storing.push.options)
        self._own = found.common / "objects"
        self._checkouts = checkouts(found, self._checks.tree)

    def run(self) -> Reasons:
        """Gives the reasons for all that was not stored. Raises `OSError`."""
        storing, updates = self._storing, self._storing.request.updates
        reasons = dict(storing.refused)
        asked = storing.open_updates
        if not self._pre_receive(asked):
            reasons |= {update.ref: "pre-receive hook declined" for update in asked}
            return reasons
        if storing.pack:
            self._move_in()
        with Objects(*with_alternates(self._own)) as objects:
            peel = Peel(objects)
            atomic = storing.request.can("atomic")
            for update in asked:
                reason = self._check(update, objects)
                if reason:
                    reasons[update.ref] = reason
                    if atomic:
                        break
            if atomic:
                reasons = all_or_none(updates, reasons)
            moving = [update for update in asked if update.ref not in reasons]
            one_by_one = not atomic and self._hooks.has("reference-transaction")
            for batch in [[update] for update in moving] if one_by_one else [moving]:
                reasons |= self._move(batch, atomic, peel)
        done = [update for update in asked if update.ref not in reasons]
        if done:
            self._hooks.run("post-receive", text=_lines(done), more=self._options)
            self._hooks.run("post-update", [os.fsdecode(_raw(update.ref)) for update in done])
        return reasons

    def _pre_receive(self, updates: Sequence[RefUpdate]) -> bool:
        """The hook sees the objects of the push, and nobody else does."""
        if all(update.deleted for update in updates):
            return self._hooks.run("pre-receive", text=_lines(updates), more=self._options)
        waiting = str(self._storing.quarantine.folder)
        quarantine = {
            **self._options,
            "GIT_OBJECT_DIRECTORY": waiting,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self._own),
            "GIT_QUARANTINE_PATH": waiting,
        }
        return self._hooks.run("pre-receive", text=_lines(updates), more=quarantine)

    def _move_in(self) -> None:
        (self._own / "pack").mkdir(exist_ok=True)
        self._storing.quarantine.move_into(self._own, self._storing.pack)

    def _check(self, update: RefUpdate, objects: Objects) -> str:
        checkout = next((c for c in self._checkouts if c.branch == update.ref), None)
        in_tree = checkout is not None and checkout.tree is not None
        reason = ""
        if any(update.ref.startswith(start) for start in self._checks.proc_receive):
            reason = "proc-receive hooks are not run by this server"
        elif in_tree and not update.deleted:
            reason = self._check_current(update.ref)
        if update.deleted and not reason:
            reason = self._check_delete(update, current=checkout is not None)
        elif not reason and self._checks.force and self._drops(update, objects):
            self._say(f"error: denying non-fast-forward {update.ref} (you should pull first)")
            reason = "non-fast-forward"
        if not reason and not self._hooks.run("update", [update.ref, update.old, update.new]):
            self._say(f"error: hook declined to update {update.ref}")
            reason = "hook declined"
        if not reason and checkout is not None and in_tree and not update.deleted:
            reason = self._update_tree(checkout, update)
        return reason

    def _update_tree(self, checkout: Checkout, update: RefUpdate) -> str:
        if self._checks.current != UPDATE:
            return ""
        return update_tree(checkout, update.old, update.new, self._hooks)

    def _check_current(self, ref: str) -> str:
        if self._checks.current in (ALLOW, UPDATE):
            return ""
        if self._checks.current == WARNING:
            self._say("warning: updating the current branch")
            return ""
        self._say(f"error: refusing to update checked out branch: {ref}")
        if self._checks.current == "unset":
            self._say(_HOW_TO_PUSH)
        return "branch is currently checked out"

    def _check_delete(self, update: RefUpdate, *, current: bool) -> str:
        if self._checks.deletes and update.ref.startswith("refs/heads/"):
            self._say(f"error: denying ref deletion for {update.ref}")
            return "deletion prohibited"
        if not current or self._checks.delete_current == ALLOW:
            return ""
        if self._checks.delete_current == WARNING:
            self._say("warning: deleting the current branch")
            return ""
        if self._checks.delete_current == "unset":
            self._say(_HOW_TO_DELETE)
        self._say(f"error: refusing to delete the current branch: {update.ref}")
        return "deletion of the current branch prohibited"

    def _drops(self, update: RefUpdate, objects: Objects) -> bool:
        if update.created or not update.ref.startswith("refs/heads/"):
            return False
        try:
            return not has_ancestor(objects, bytes.fromhex(update.new), bytes.fromhex(update.old))
        except (BadObject, KeyError):
            return True

    def _move(self, updates: Sequence[RefUpdate], atomic: bool, peel: Peel) -> Reasons:
        """Change refs together; when one cannot be and it is no atomic push, without that one."""
        reasons: Reasons = {}
        waiting = list(updates)
        while waiting:
            try:
                self._transact(waiting, peel)
                return reasons
            except RefTrouble as trouble:
                self._say(f"error: {trouble}")
                failed = [u for u in waiting if u.ref == trouble.ref] or waiting
                if atomic:
                    failed = waiting
                reasons |= {update.ref: FAILED for update in failed}
                waiting = [update for update in waiting if update.ref not in reasons]
        return reasons

    def _transact(self, updates: Sequence[RefUpdate], peel: Peel) -> None:
        common = self._found.common
        changes, names = [], {}
        for update in updates:
            target = resolve(common, update.ref)
            old = update.old
            if update.deleted and value(common, target) != old:
                old = self._absent(update, target)
            elif update.deleted and update.created:
                self._say("warning: deleting a non-existent ref")
            if update.deleted and target != update.ref:
                target = update.ref
            changes.append(RefChange(target, old, update.new))
            names[target] = update.ref
        mode = self._mode()
        transaction = RefTransaction(common, changes, mode)
        main = next(c for c in self._checkouts if c.folder == self._found.common)
        with_head = [replace(u, ref="HEAD") for u in updates if u.ref == main.branch]
        lines = _lines([*with_head, *updates])
        try:
            transaction.prepare()
            if not self._quiet.run("reference-transaction", ["prepared"], lines):
                self._quiet.run("reference-transaction", ["aborted"], lines)
                raise RefTrouble("", "ref updates aborted by hook")
            for change in changes:
                heads = [c.folder for c in self._checkouts if c.branch == change.ref]
                write_logs(self._found, change, self._checks, self._who, heads)
            transaction.commit(peel)
        except RefTrouble as trouble:
            raise RefTrouble(names.get(trouble.ref, trouble.ref), str(trouble)) from None
        finally:
            transaction.close()
        self._quiet.run("reference-transaction", ["committed"], lines)

    def _absent(self, update: RefUpdate, target: str) -> str:
        """To delete what is not there is no error for git, which only remarks upon it, unless the
        pusher names an object that is here."""
        now = value(self._found.common, target)
        with Objects(*with_alternates(self._own)) as objects:
            if bytes.fromhex(update.old) in objects and set(update.old) != {"0"}:
                return update.old
        if set(now) == {"0"}:
            self._say("warning: deleting a non-existent ref")
        return now

    def _mode(self) -> int | None:
        shared = self._checks.shared
        if shared is None:
            return None
        return -shared if shared < 0 else 0o644 | shared


def hook_environment(storing: Storing) -> dict[str, str]:
    """What git gives to every hook of a push over HTTP."""
    push = storing.push
    name, mail = _committer(push)
    found = {
        "GIT_DIR": ".",
        "REMOTE_ADDR": push.address,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": mail,
    }
    if push.actor_id:
        found["REMOTE_USER"] = push.actor_id
    return {name: text for name, text in found.items() if "\0" not in text}


def options_environment(options: Sequence[str]) -> dict[str, str]:
    """The push options, which pre-receive and post-receive are told."""
    found = {f"GIT_PUSH_OPTION_{number}": text for number, text in enumerate(options)}
    found["GIT_PUSH_OPTION_COUNT"] = str(len(options))
    return {name: text for name, text in found.items() if "\0" not in text}


def committer(push: Push) -> str:
    """Who stands in the log of a ref."""
    name, mail = _committer(push)
    return f"{name} <{mail}>"


def _committer(push: Push) -> tuple[str, str]:
    """Name and address: those that we were started with, else what is known of the pusher."""
    user = push.actor_id or "anonymous"
    name = os.environ.get("GIT_COMMITTER_NAME", user)
    mail = os.environ.get("GIT_COMMITTER_EMAIL", f"{user}@http.{push.address or 'unknown'}")
    return _plain(name), _plain(mail)


def _plain(text: str) -> str:
    return "".join(char for char in text if char not in "<>\n\0")


def _log_hook(text: str) -> None:
    _log.info("a hook says: %s", text.rstrip())


def _lines(updates: Iterable[RefUpdate]) -> str:
    return "".join(f"{update.old} {update.new} {update.ref}\n" for update in updates)


def _raw(ref: str) -> bytes:
    return ref.encode("utf-8", "surrogateescape")
