"""`.gitattributes` for large files that came through the API, as the original keeps it.

A client says of each file whether it went to git-lfs, whatever the rules of the repository are. Git
knows the rules only: a pointer that none gives to git-lfs would be checked out as a pointer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from gitserver.changes import AddLines
from gitserver.lfs.attributes import FILE, MAX_BYTES, Attributes

_RULE = " filter=lfs diff=lfs merge=lfs -text"
_SPECIAL = re.compile(r"[\x00-\x20\x7f\"*?\[\]\\]")  # what ends or bends a pattern


def rule_for(path: str) -> str:
    """The line that gives just this file to git-lfs. A question mark stands for what a pattern
    cannot hold as it is: quotes and classes are not read alike by all of git's readers."""
    return f"/{_SPECIAL.sub('?', path)}{_RULE}"


def missing_rules(rules: Attributes, paths: Iterable[str]) -> AddLines | None:
    """The rules that these paths still need; None if they need none."""
    wanted = dict.fromkeys(rule_for(path) for path in paths if not rules.is_large(path))
    if not wanted:
        return None
    lines = tuple(line.encode("utf-8", "surrogateescape") for line in wanted)
    return AddLines(FILE, lines, MAX_BYTES)
