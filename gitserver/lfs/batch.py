"""What a batch request asks for, and what each object of it gets: decisions on plain data.

The API: https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from config.lfs import LfsSettings
from gitserver.lfs.answers import LfsError
from spaceport.ledger.large import Held, QuotaFull

OID = re.compile(r"[0-9a-f]{64}")
HASH = "sha256"
_MOST = 2**63 - 1
Operation = Literal["upload", "download"]


@dataclass(frozen=True)
class Asked:
    """One object of a request. `wrong` says why it can not be dealt with, with its status."""

    oid: str
    size: int
    wrong: tuple[int, str] | None = None


@dataclass(frozen=True)
class Batch:
    """A request that is sound as a whole; each id once."""

    operation: Operation
    objects: tuple[Asked, ...]
    transfers: frozenset[str] = frozenset({"basic"})


Outcome = Literal["there", "send", "wrong"]
"""For an object: nothing to do or ready to fetch; to be uploaded; an error."""


@dataclass(frozen=True)
class Decided:
    asked: Asked
    outcome: Outcome
    error: tuple[int, str] | None = None


def is_oid(text: str) -> bool:
    """Exactly 64 lower-case hexadecimal digits (LFS-06)."""
    return OID.fullmatch(text) is not None


def read_batch(found: Any, settings: LfsSettings) -> Batch:
    """Raises `LfsError`: 409 for another hash, 413 for too many, 422 for another shape."""
    if not isinstance(found, dict):
        raise LfsError(422, "A batch request is a JSON object.")
    operation = found.get("operation")
    if operation not in ("upload", "download"):
        raise LfsError(422, 'operation must be "upload" or "download".')
    if found.get("hash_algo", HASH) != HASH:
        raise LfsError(409, "This server knows objects by sha256 only (hash_algo).")
    objects = found.get("objects")
    if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
        raise LfsError(422, "objects must be a list of {oid, size}.")
    if len(objects) > settings.batch_objects:
        raise LfsError(413, f"A batch has at most {settings.batch_objects} objects; send less.")
    transfers = found.get("transfers") or ["basic"]
    if not isinstance(transfers, list) or not all(isinstance(each, str) for each in transfers):
        raise LfsError(422, "transfers must be a list of names.")
    _check_ref(found.get("ref"))
    return Batch(operation, _once(objects, settings), frozenset(transfers))


def _check_ref(ref: Any) -> None:
    if ref is not None and not (isinstance(ref, dict) and isinstance(ref.get("name", ""), str)):
        raise LfsError(422, "ref must be {name}.")


def _once(objects: list[dict[str, Any]], settings: LfsSettings) -> tuple[Asked, ...]:
    """Every id once; an id with two sizes is no object."""
    found: dict[str, Asked] = {}
    for each in objects:
        asked = _asked(each, settings)
        known = found.setdefault(asked.oid, asked)
        if known.wrong is None and asked.wrong is None and known.size != asked.size:
            found[asked.oid] = Asked(asked.oid, asked.size, (422, "Two sizes for one id."))
    return tuple(found.values())


def _asked(each: dict[str, Any], settings: LfsSettings) -> Asked:
    oid, size = each.get("oid"), each.get("size")
    if not isinstance(oid, str) or not is_oid(oid):
        shown = oid[:100] if isinstance(oid, str) else ""
        return Asked(shown, 0, (422, "oid must be 64 lower-case hexadecimal digits."))
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= _MOST:
        return Asked(oid, 0, (422, "size must be a whole number of bytes, 0 or more."))
    if size > settings.object_bytes:
        why = f"An object may have {settings.object_bytes} bytes at most (lfs.object_bytes)."
        return Asked(oid, size, (413, why))
    return Asked(oid, size)


def decide(batch: Batch, held: Mapping[str, Held]) -> list[Decided]:
    """What becomes of each object, given what the Space holds. Room for it is asked later.

    What others hold is of no account: absent and somebody else's look the same (LFS-05).
    """
    return [_decide(asked, held.get(asked.oid), batch.operation) for asked in batch.objects]


def _decide(asked: Asked, known: Held | None, operation: Operation) -> Decided:
    if asked.wrong is not None:
        return Decided(asked, "wrong", asked.wrong)
    if known is not None and known.size == asked.size:
        return Decided(asked, "there")
    if known is not None:
        return Decided(asked, "wrong", (422, "The object of this id has another size."))
    if operation == "upload":
        return Decided(asked, "send")
    return Decided(asked, "wrong", (404, "This repository has no such object."))


def without_room(decided: Collection[Decided], full: Mapping[str, QuotaFull]) -> list[Decided]:
    """The same, with an error (507) where there is no room: known before any byte moves."""
    return [
        Decided(each.asked, "wrong", (507, f"{full[each.asked.oid]} {full[each.asked.oid].hint}"))
        if each.outcome == "send" and each.asked.oid in full
        else each
        for each in decided
    ]


def in_parts(batch: Batch, settings: LfsSettings) -> bool:
    """Whether this batch goes up in parts: the client can, and an object is big.

    The answer names one transfer for all its objects, so small ones then have one part.
    """
    big = any(each.size >= settings.multipart_from for each in batch.objects if not each.wrong)
    return batch.operation == "upload" and "multipart" in batch.transfers and big


def chunk_bytes(size: int, settings: LfsSettings) -> int:
    """Bytes of each part but the last, so that there are not too many."""
    return max(settings.part_bytes, -(-size // settings.parts))


def part_count(size: int, chunk: int) -> int:
    """An empty object has no parts."""
    return -(-size // chunk)
