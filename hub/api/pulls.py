"""What pull requests have beyond discussions: their difference, merging, their ref (hub-api 12)."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from gitserver.commit import CommitRefused
from gitserver.content import TooLarge
from gitserver.diff import as_text
from hub import discussions
from hub.api.body import Body, OwnBody
from hub.api.call import Call, answer
from hub.api.errors import ApiError
from hub.api.targets import by, pulls_of
from spaceport.authorize import Action
from spaceport.ledger import Tx
from spaceport.ledger import discussion_entries as entries
from spaceport.ledger.discussion_entries import Entry
from spaceport.ledger.discussion_rows import Discussion, Status

MOST_DIFF = 4 * 1024 * 1024
"""Bytes of a difference that an answer holds."""


class Merge(Body):
    comment: str = ""


class Trust(OwnBody):
    head: str = Field(min_length=40, max_length=40)


async def begin(call: Call, title: str, text: str) -> Discussion:
    """A draft with nothing in it yet; clients commit to its ref next."""
    return await pulls_of(call).open(by(call), call.space, title, text)


async def pull_json(call: Call, found: Discussion) -> dict[str, Any]:
    """The further keys of its details; with `?diff=1` what it changes, as `git diff` prints it."""
    changes = {"base": found.base, "head": found.head, "trusted": found.trusted}
    if found.merge_commit is not None:
        changes["mergeCommitId"] = found.merge_commit
    shown: dict[str, Any] = {"changes": changes, "filesWithConflicts": []}
    if found.status.active:
        outlook = await call.git(pulls_of(call).shown.outlook, found)
        shown["filesWithConflicts"] = bool(outlook.unknown) or list(outlook.conflicts)
    if call.flag("diff"):
        shown["diff"] = await call.git(_diff, call, found)
    return shown


async def set_status(call: Call, found: Discussion, status: Status, text: str) -> Entry:
    """Open or close it, and say why. Raises `Conflict` when it is so already."""
    await pulls_of(call).may(by(call), Action.CHANGE, call.space, found.number)
    await call.read(lambda tx: discussions.check_status(tx, found, status))
    if text.strip():
        entries.check_text(text)
    id = await pulls_of(call).set_status(by(call), call.space, found.number, status)
    if text.strip():
        await _comment(call, found.number, text)
    return await call.read(lambda tx: _entry(tx, found, id))


async def merge(call: Call) -> web.StreamResponse:
    """409 where it cannot be merged as it is, with the files that conflict."""
    text = (await call.body(Merge)).comment
    number = _number(call)
    if text.strip():
        entries.check_text(text)
    try:
        commit = await pulls_of(call).merge(by(call), call.space, number)
    except CommitRefused as error:
        raise ApiError(422, f"{error} {error.hint}".strip()) from None
    if text.strip():
        await _comment(call, number, text)
    return answer({"mergeCommitId": commit})


async def delete_ref(call: Call) -> web.StreamResponse:
    """Of one that is closed or merged; final. One that is gone is no error."""
    try:
        await pulls_of(call).delete_ref(by(call), call.space, _number(call))
    except CommitRefused as error:
        raise ApiError(409, f"{error} {error.hint}".strip()) from None
    return answer({})


async def trust(call: Call) -> web.StreamResponse:
    """Its preview may run this head, and no later one."""
    head = (await call.body(Trust)).head
    await pulls_of(call).trust(by(call), call.space, _number(call), head)
    return answer({})


def _number(call: Call) -> int:
    discussions.check_wanted(call.space)
    return discussions.number_of(call.part("number"))


def _diff(call: Call, found: Discussion) -> str:
    """Blocks. What is too large is said, where the difference would stand."""
    try:
        made = pulls_of(call).shown.difference(found)
    except TooLarge as error:
        return f"{error} {error.hint}\n"
    text = as_text(made.files)
    if len(text) > MOST_DIFF:  # rather none than a part that could be taken for the whole
        return f"The difference has {len(text)} bytes; fetch {found.ref} and compare with git.\n"
    return text.decode("utf-8", "replace")


async def _comment(call: Call, number: int, text: str) -> None:
    actor, space = call.actor, call.space
    await call.write(lambda tx: discussions.comment(tx, actor, space, number, text))


def _entry(tx: Tx, found: Discussion, id: str | None) -> Entry:
    told = entries.of(tx, found.space_key, found.number)
    return next(entry for entry in reversed(told) if entry.id == id)
