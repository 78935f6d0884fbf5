"""The text that is really built: no foreign frontend, and caches that no other Space can see.

- `# syntax=` would run somebody's image as the builder (CVE-2026-33747), so it goes (BLD-06).
- Cache mounts are shared by their id over the whole engine, so the Space's key goes into it.
- Layers are shared by instruction and inputs, but a secret mount is no input: the same Dockerfile
  in another Space would get a layer made with this Space's secret. An ARG that holds the Space's
  key (and the versions of its secrets, when it mounts any) stands behind every FROM (BLD-07).
"""

from __future__ import annotations

from builder.dockerfile.mounts import parse_mount
from builder.dockerfile.parse import Dockerfile, Instruction

CACHE_ARGUMENT = "SPACEPORT_CACHE"


def rewrite(dockerfile: Dockerfile, *, scope: str) -> str:
    """`scope` is made of letters, digits and dots, and begins with the Space's key.

    What depends on the engine's version (here-documents, `--link`) is the engine's own affair.
    """
    lines = list(dockerfile.lines)
    if dockerfile.syntax is not None:
        lines[dockerfile.syntax[0] - 1] = "#"
    # From the end, so that earlier line numbers stay true.
    for instruction in reversed(dockerfile.instructions):
        start, end = instruction.line - 1, instruction.last
        changed = _changed(instruction, scope)
        if changed is not None:
            body = list(instruction.heredoc)
            filler = ["#"] * (end - start - len(body) - 1)
            lines[start:end] = [*filler, changed, *body]
        if instruction.name == "FROM":
            lines.insert(end, f"ARG {CACHE_ARGUMENT}={scope}")
    return "\n".join(lines) + "\n"


def _changed(instruction: Instruction, scope: str) -> str | None:
    """The instruction on one line, or None when it stays as it is."""
    if instruction.name != "RUN":
        return None
    flags = tuple(_own_cache(name, value, scope) for name, value in instruction.flags)
    if flags == instruction.flags:
        return None
    words = [f"{name}={value}" if value else name for name, value in flags]
    return " ".join([instruction.name, *words, instruction.rest])


def _own_cache(name: str, value: str, scope: str) -> tuple[str, str]:
    if name != "--mount":
        return name, value
    mount = parse_mount(value)
    if mount.type != "cache":
        return name, value
    owner = scope.partition(".")[0]
    identity = mount.get("id") or mount.target
    return name, str(mount.with_id(f"{owner}-{identity}"))
