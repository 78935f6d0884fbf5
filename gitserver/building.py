"""Making objects, and a pack of them: for first commits, and commits without a git client."""

from __future__ import annotations

import hashlib
import os
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tag, Tree

from gitserver.durable import write_synced
from gitserver.objects.entry import entry_header
from gitserver.objects.index import Row, write_index

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass(frozen=True)
class Signature:
    """Who and when, as a commit records it. `at` is seconds since 1970, `offset` minutes of UTC."""

    name: str
    email: str
    at: int | None = None  # None: now
    offset: int = 0

    def line(self) -> bytes:
        """`Name <mail>`, without the characters that would end a field of a commit."""
        name, email = (_without_breaks(text) for text in (self.name, self.email))
        return f"{name or 'unknown'} <{email}>".encode()

    def seconds(self) -> int:
        return int(time.time()) if self.at is None else self.at


def _without_breaks(text: str) -> str:
    kept = "".join(char for char in text if char not in "<>\n\0" and char.isprintable())
    return kept.strip(" .,:;\"'\\")


@dataclass(frozen=True)
class Leaf:
    """What a tree names: `mode` as git writes it, `oid` in hex."""

    mode: int
    oid: str


class NewObjects:
    """Objects made here, each once, in the order in which they were made."""

    def __init__(self) -> None:
        self._objects: dict[bytes, tuple[int, bytes]] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def blob(self, data: bytes) -> str:
        return self._add(Blob.from_string(data))

    def content(self, oid: str) -> bytes | None:
        """Of an object that was made here; None for any other."""
        found = self._objects.get(bytes.fromhex(oid))
        return None if found is None else found[1]

    def tree(self, leaves: Mapping[bytes, Leaf]) -> str:
        """A tree of one level; the empty mapping gives the empty tree."""
        tree = Tree()
        for name, leaf in leaves.items():
            tree.add(name, leaf.mode, _hex(leaf.oid))
        return self._add(tree)

    def nested_tree(self, files: Mapping[str, Leaf]) -> str:
        """Trees for files with `/` in their paths; the id of the root."""
        level: dict[bytes, Leaf] = {}
        below: dict[str, dict[str, Leaf]] = {}
        for path, leaf in files.items():
            first, slash, rest = path.partition("/")
            if slash:
                below.setdefault(first, {})[rest] = leaf
            else:
                level[first.encode()] = leaf
        for name, inner in below.items():
            level[name.encode()] = Leaf(0o040000, self.nested_tree(inner))
        return self.tree(level)

    def commit(
        self,
        tree: str,
        parents: Iterable[str],
        author: Signature,
        message: str,
        committer: Signature | None = None,
    ) -> str:
        """A commit; its message ends in exactly one newline."""
        committer = committer or author
        commit = Commit()
        commit.tree = _hex(tree)
        commit.parents = [_hex(parent) for parent in parents]
        commit.author, commit.committer = author.line(), committer.line()
        commit.author_time, commit.commit_time = author.seconds(), committer.seconds()
        commit.author_timezone = author.offset * 60
        commit.commit_timezone = committer.offset * 60
        commit.message = message_bytes(message)
        return self._add(commit)

    def tag(self, name: str, revision: str, tagger: Signature, message: str) -> str:
        """A tag object that leads to a commit."""
        tag = Tag()
        tag.name = name.encode()
        tag.object = (Commit, _hex(revision))
        tag.tagger = tagger.line()
        tag.tag_time, tag.tag_timezone = tagger.seconds(), tagger.offset * 60
        tag.message = message_bytes(message)
        return self._add(tag)

    def pack(self) -> tuple[bytes, list[Row]]:
        """All of them as the bytes of a pack, and the rows of its index."""
        pieces = [b"PACK" + (2).to_bytes(4, "big") + len(self._objects).to_bytes(4, "big")]
        offset, rows = len(pieces[0]), []
        for oid, (kind, data) in self._objects.items():
            entry = entry_header(kind, len(data)) + zlib.compress(data)
            rows.append(Row(oid, zlib.crc32(entry), offset))
            pieces.append(entry)
            offset += len(entry)
        content = b"".join(pieces)
        return content + hashlib.sha1(content, usedforsecurity=False).digest(), rows

    def write_pack(self, folder: Path) -> str:
        """Write `pack-X.pack` and `pack-X.idx` into `folder`, content durable; gives `pack-X`."""
        content, rows = self.pack()
        checksum = content[-20:]
        name = f"pack-{checksum.hex()}"
        write_synced(folder / f"{name}.pack", content)
        with (folder / f"{name}.idx").open("xb") as out:
            write_index(out, sorted(rows), checksum)
            out.flush()
            os.fsync(out.fileno())
        return name

    def _add(self, item: ShaFile) -> str:
        oid = item.id.decode()
        self._objects[bytes.fromhex(oid)] = (item.type_num, item.as_raw_string())
        return oid


def message_bytes(text: str) -> bytes:
    """A message as it is stored: UTF-8 without NUL, ending in exactly one newline."""
    plain = text.replace("\0", "").replace("\r\n", "\n").strip("\n")
    return plain.encode("utf-8", "replace") + b"\n"


def _hex(oid: str) -> ObjectID:
    return ObjectID(oid.encode())
