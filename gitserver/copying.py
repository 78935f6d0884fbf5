"""Copying a repository into a draft of another: branches and tags, with exactly what they reach.

What nothing reaches any more does not follow: history that its owner took back must not come to
light in a copy. Packs that hold nothing else are shared by hard link, for no pack is ever written
again once it is there; of others the objects are copied raw. Runs in a child process, which
`copy_job` starts.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

from gitserver.durable import sync_file, sync_folder
from gitserver.locks import hold_folder
from gitserver.pack.cruft import is_cruft
from gitserver.pack.file import BLOB, PackDamaged, PackFile
from gitserver.pack.history import History
from gitserver.pack.index import IndexDamaged
from gitserver.pack.newpack import write_draft
from gitserver.pack.store import ObjectMissing, ObjectStore
from gitserver.pack.walk import Walk
from gitserver.pointer import MAX_BYTES, parse_pointer
from gitserver.refs import read_refs, write_refs
from spaceport.failpoints import failpoint

SHOWN = ("refs/heads/", "refs/tags/")
_POLL = 0.05


def copy_history(source: Path, draft: Path, wait: float) -> list[str]:
    """Fill the draft, a bare repository without refs; gives the ids of the large objects that the
    pointers in it name.

    Safe beside pushes and readers; maintenance waits meanwhile, and is waited for `wait` seconds.
    Raises `FileNotFoundError` when the source goes, `TimeoutError`, `ObjectMissing`, `OSError`.
    """
    folder = source / "objects" / "pack"
    mark = _alone(folder, wait)
    store = ObjectStore(source / "objects")
    try:
        refs = read_refs(source)
        shown = {name: oid for name, oid in refs.ids.items() if name.startswith(SHOWN)}
        history = History(store)
        tips = [bytes.fromhex(oid) for oid in dict.fromkeys(shown.values())]
        reached = Walk(history).run(tips, ()).all() if tips else set()
        left = set(reached)
        target = draft / "objects" / "pack"
        for pack in store.packs():
            if pack.path.parent == folder and not is_cruft(pack) and left:
                oids = set(pack.index.oids())
                if oids <= reached and not oids.isdisjoint(left):
                    _share(pack, target)
                    left -= oids
        if left:
            write_draft(store, left, folder=target).install()
        if history.cuts:
            shutil.copyfile(source / "shallow", draft / "shallow")
        failpoint("copy:before-refs")
        if shown:
            write_refs(draft, read_refs(draft), shown, lambda oid: _peel(history, oid))
        for name in ("objects/pack", "objects", "refs", "."):
            sync_folder(draft / name)
        return _named(store, reached)
    finally:
        store.close()
        os.close(mark)


def _named(store: ObjectStore, reached: set[bytes]) -> list[str]:
    found = set()
    for oid in reached:
        kind, size = store.kind_and_size(oid)
        if kind == BLOB and size <= MAX_BYTES:
            pointer = parse_pointer(store.read(oid)[1])
            if pointer is not None:
                found.add(pointer.oid)
    return sorted(found)


def _alone(folder: Path, wait: float) -> int:
    """Hold the folder of packs, as whoever removes packs does. Raises `TimeoutError`."""
    deadline = time.monotonic() + wait
    while True:
        mark = hold_folder(folder)
        if mark is not None:
            return mark
        if time.monotonic() >= deadline:
            raise TimeoutError
        time.sleep(_POLL)


def _share(pack: PackFile, target: Path) -> None:
    """The pack's files under the same names; the index last, since readers find a pack by it."""
    for path in (pack.path, pack.path.with_suffix(".idx")):
        place = target / path.name
        if path.stat().st_mode & 0o222:
            path.chmod(0o444)  # as git has it: what two repositories share stays as it is
        try:
            os.link(path, place)
        except FileNotFoundError:
            raise
        except OSError:  # a file system without links, or with too many to this one
            shutil.copyfile(path, place)
            sync_file(place)


def _peel(history: History, oid: str) -> str | None:
    with suppress(ObjectMissing):
        target, _ = history.peel(bytes.fromhex(oid))
        return target.hex() if target.hex() != oid else None
    return None


def main() -> None:
    """The child: {"source", "draft", "wait", "memory"} on standard input; prints {"outcome": one
    word, or why it failed, "named": ids of large objects}."""
    job = json.load(sys.stdin)
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (job["memory"], job["memory"]))
    named: list[str] = []
    try:
        source, draft = Path(job["source"]), Path(job["draft"])
        named = copy_history(source, draft, job["wait"])
        outcome = "copied"
    except (FileNotFoundError, NotADirectoryError):
        outcome = "gone"
    except TimeoutError:
        outcome = "busy"
    except ObjectMissing as error:
        outcome = f"the source is damaged: {error}"
    except (PackDamaged, IndexDamaged) as error:
        outcome = f"the source is damaged: {error}"
    except OSError as error:
        outcome = error.strerror or type(error).__name__
    except MemoryError:
        outcome = "it needs more memory than the server allows"
    sys.stdout.write(json.dumps({"outcome": outcome, "named": named}))
