"""Pushes to pull requests, and by people who may push to nothing else (spaces-behaviour 11.12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hooks.checks.verdict import Verdict
from spaceport.ledger.discussions import Discussion, Status
from spaceport.push import Push, RefUpdate, Rejection, pull_number


@dataclass(frozen=True)
class Pulls:
    """What a push is judged by: the discussions of the numbers that it names, where they are, and
    where the Space's own are to be found."""

    known: Mapping[int, Discussion]
    page: str
    wanted: bool = True  # the Space has discussions and pull requests


def check_pull_requests(push: Push, pulls: Pulls) -> Verdict:
    """Refuse what is no pull request, one that is closed, and what is beyond the pusher's reach."""
    found = []
    for update in push.updates:
        number = pull_number(update.ref)
        if number is not None:
            found += _judge(push, update, number, pulls)
        elif not push.reach.branches:
            found.append(_only_pulls(push, update))
    return Verdict(tuple(found))


def _judge(push: Push, update: RefUpdate, number: int, pulls: Pulls) -> list[Rejection]:
    pull = pulls.known.get(number)
    if not pulls.wanted:
        return [_no(update, "no pull requests here", "This Space takes no pull requests now.")]
    if pull is None or not pull.pull_request:
        return [_no(update, f"there is no pull request {number}", _how_to_open(number, pulls))]
    if update.deleted:
        if pull.status.active:
            text = f"Pull request {number} is {pull.status}. Close it first; then its ref can go."
            return [_no(update, "the pull request is not closed", text)]
        return _beyond(push, update, pull)
    if not pull.status.active:
        return [_no(update, f"pull request {number} is {pull.status}", _after(pull, pulls))]
    return _beyond(push, update, pull)


def _beyond(push: Push, update: RefUpdate, pull: Discussion) -> list[Rejection]:
    if update.ref in push.reach.pulls:
        return []
    text = (
        f"Pull request {pull.number} is by {pull.author or 'somebody else'}: only they, and who "
        "may write to this Space, can change it. Open one of your own."
    )
    return [_no(update, "not your pull request", text)]


def _how_to_open(number: int, pulls: Pulls) -> str:
    return (
        f"There is no pull request {number}. Open one, and push to the number that it gets:\n"
        f"  {pulls.page}/discussions/new?pull=1\n"
        "  or: hf discussions create ID --type space --pull-request --title TITLE"
    )


def _after(pull: Discussion, pulls: Pulls) -> str:
    place = f"{pulls.page}/discussions"
    if pull.status is Status.MERGED:
        return f"Pull request {pull.number} is merged. Open another one:\n  {place}/new?pull=1"
    return (
        f"Pull request {pull.number} is closed. Reopen it, or open another one:\n"
        f"  {place}/{pull.number}"
    )


def _only_pulls(push: Push, update: RefUpdate) -> Rejection:
    mine = sorted(push.reach.pulls)
    to = mine[0] if mine else "refs/pr/N"
    text = (
        "You may read this Space and contribute to it, not write to its branches and tags.\n"
        f"Push to your pull request instead:\n  git push origin HEAD:{to}"
    )
    return _no(update, "you may push to your pull requests only", text)


def _no(update: RefUpdate, reason: str, text: str) -> Rejection:
    return Rejection(update.ref, reason, text)
