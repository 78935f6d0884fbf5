"""Which files of a revision belong into git-lfs, by its `.gitattributes` (gitattributes(5))."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from io import BytesIO

from dulwich.attrs import AttributeValue, GitAttributes, Pattern
from dulwich.attrs import parse_git_attributes as parse
from dulwich.wildmatch import MalformedPattern

FILE = ".gitattributes"
MAX_BYTES = 64 * 1024
LINES = 1_000
STARS = 6  # in one pattern: more make matching slow, and nobody writes them
_NEVER = frozenset((FILE, ".gitignore", "README.md"))  # read by git, and by us, as they are

Reader = Callable[[str], bytes | None]
"""The start of a file of the revision, by its path; None where there is none."""
_Rules = list[tuple[Pattern, Mapping[bytes, AttributeValue]]]


class Attributes:
    """The rules of a revision; files of rules are read when a path first needs them."""

    def __init__(self, read: Reader) -> None:
        self._read = read
        self._rules = GitAttributes(self._of(b""), directory_loader=self._of)

    def is_large(self, path: str) -> bool:
        """Whether git would hand the file to git-lfs. The files that we read ourselves never."""
        if path in _NEVER or path.rpartition("/")[2] == FILE:
            return False
        found = self._rules.match_path(path.encode("utf-8", "surrogateescape"))
        return found.get(b"filter") == b"lfs"

    def _of(self, folder: bytes) -> _Rules:
        place = folder.decode("utf-8", "surrogateescape")
        data = self._read(f"{place}/{FILE}" if place else FILE) or b""
        return list(_rules(data[:MAX_BYTES], folder))


def _rules(data: bytes, folder: bytes) -> Iterator[tuple[Pattern, Mapping[bytes, AttributeValue]]]:
    """Those that can be used; git passes over the others as well."""
    lines = data.splitlines(keepends=True)[:LINES]
    for text, attributes in parse(BytesIO(b"".join(lines))):
        if text.replace(b"**", b"*").count(b"*") > STARS or text.startswith(b"[attr]"):
            continue
        try:
            yield Pattern(text, folder), attributes
        except MalformedPattern:
            continue
