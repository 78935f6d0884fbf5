"""What has to be changed in a user's Dockerfile so that the engine at hand builds it. Pure."""

from __future__ import annotations

import re

from spaceport.engine import EngineRefused

_COMMENT = re.compile(r"^\s*(?:#|//)")
_DIRECTIVE = re.compile(r"^\s*(?:#|//)\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.*?)\s*$")
_HEREDOC = re.compile(r"^\s*(RUN|COPY|ADD)\s.*?(?<![<\\])<<-?\s*[\"']?[A-Za-z_]\w*", re.IGNORECASE)
_LINK = re.compile(r"^(\s*(?:COPY|ADD)\b(?:\s+--[a-z]+=\S+)*?)\s+--link(?:=true)?(?=\s)", re.I)
FIRST_WITH_HEREDOCS = (23, 0)


def adapt(text: str, engine_version: str) -> str:
    """The Dockerfile with the same number of lines, for an engine of that version.

    A `# syntax=` line is blanked: it would fetch and run somebody else's front end (BLD-06), and
    fails where there is no registry. Engines before 23 know no `--link`, which is left out, and no
    heredocs: for those `EngineRefused` is raised, naming the line and the version.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip().startswith("{"):
        # Newer front ends read a syntax from JSON as well; nothing else in JSON is a Dockerfile.
        raise EngineRefused("Dockerfile:1: this is JSON, not a Dockerfile.")
    lines = _without_syntax(text.splitlines())
    if _number(engine_version) < FIRST_WITH_HEREDOCS:
        _refuse_heredocs(lines, engine_version)
        lines = [_LINK.sub(r"\1", line) for line in lines]
    return "\n".join(lines) + "\n"


def _without_syntax(lines: list[str]) -> list[str]:
    """Without any `syntax` in the comments at the top, wherever a front end may look for one.

    Other directives (`escape`, `check`) count only as the very first lines, so they move up.
    """
    end = next(
        (at for at, line in enumerate(lines) if line.strip() and not _COMMENT.match(line)),
        len(lines),
    )
    head = ["#" if _names_syntax(line) else line for line in lines[:end]]
    first_other = next(
        (at for at, line in enumerate(lines[:end]) if not _DIRECTIVE.match(line)), end
    )
    directives = head[:first_other]
    directives.sort(key=lambda line: line == "#")  # stable: the blanked ones go last
    return directives + head[first_other:] + lines[end:]


def _names_syntax(line: str) -> bool:
    found = _DIRECTIVE.match(line)
    return found is not None and found.group(1).lower() == "syntax"


def _refuse_heredocs(lines: list[str], engine_version: str) -> None:
    for number, line in enumerate(lines, 1):
        if _HEREDOC.match(line) and not line.lstrip().startswith("#"):
            raise EngineRefused(
                f"Dockerfile:{number}: here-documents (<<) need Docker Engine 23 or newer; "
                f"this one is {engine_version}.",
                hint="Write the steps with '&& \\' at the ends of the lines, or COPY a script.",
            )


def _number(engine_version: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", engine_version)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)
