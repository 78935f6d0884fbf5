"""What a Dockerfile needs, and what it must not ask for (BLD-02, -05, -06, -08; CVE-2024-23651
to -23653)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from builder.dockerfile.images import expand, refusal
from builder.dockerfile.mounts import MountOption, mounts_of
from builder.dockerfile.parse import Dockerfile, Instruction, refuse

_REMOTE = ("http://", "https://", "git://", "git@", "ssh://", "ftp://")


@dataclass(frozen=True)
class Needs:
    """Names of the variables and secrets that it uses, if the Space has them."""

    arguments: tuple[str, ...]
    secrets: tuple[str, ...]


def check(
    dockerfile: Dockerfile,
    *,
    build_args: Mapping[str, str],
    allowed_images: Sequence[str] = ("*",),
) -> Needs:
    """Raises `BuildFailed` with DOCKERFILE_ERROR naming the line.

    `build_args` are all variables of the Space: FROM may depend on them.
    """
    checker = _Checker(dict(build_args), allowed_images)
    for instruction in dockerfile.instructions:
        checker.take(instruction)
    return Needs(tuple(dict.fromkeys(checker.arguments)), tuple(dict.fromkeys(checker.secrets)))


class _Checker:
    def __init__(self, variables: dict[str, str], allowed: Sequence[str]) -> None:
        self._variables = variables
        self._allowed = allowed
        self._global: dict[str, str] = {}  # ARGs before the first FROM: what FROM may use
        self._stages: list[str] = []
        self._stage_count = 0
        self.arguments: list[str] = []
        self.secrets: list[str] = []

    def take(self, instruction: Instruction) -> None:
        inner = instruction.onbuild()
        if inner is not None:
            self.take(inner)
        elif instruction.name == "ARG":
            self._take_arg(instruction)
        elif instruction.name == "FROM":
            self._take_from(instruction)
        elif instruction.name == "RUN":
            self._take_run(instruction)
        elif instruction.name in ("COPY", "ADD"):
            self._take_copy(instruction)

    def _take_arg(self, instruction: Instruction) -> None:
        for word in instruction.words():
            name, equals, value = word.partition("=")
            self.arguments.append(name)
            if not self._stage_count:
                given = self._variables.get(name)
                own = expand(value, self._global) if equals else ""
                self._global[name] = own if given is None else given

    def _take_from(self, instruction: Instruction) -> None:
        words = instruction.words()
        if not words:
            raise refuse(instruction.line, "FROM names no image.")
        image = expand(words[0], self._global)
        if image != "scratch" and image.lower() not in self._stages:
            self._check_image(instruction, image)
        self._stage_count += 1
        if len(words) >= 3 and words[1].upper() == "AS":
            self._stages.append(words[2].lower())

    def _take_run(self, instruction: Instruction) -> None:
        for name, value in instruction.flags:
            if name in ("--security", "--device"):
                raise refuse(instruction.line, f"{name} is not allowed here.")
            if name == "--network" and value not in ("none", "default"):
                raise refuse(instruction.line, "--network=host is not allowed here.")
        for mount in mounts_of(instruction.flags):
            self._take_mount(instruction, mount)

    def _take_mount(self, instruction: Instruction, mount: MountOption) -> None:
        line = instruction.line
        if mount.type not in ("bind", "cache", "tmpfs", "secret"):
            raise refuse(line, f"--mount=type={mount.type} is not allowed here.")
        origin = mount.get("from")
        if origin:
            self._check_origin(instruction, origin)
        elif mount.type == "bind" and ".." in mount.get("source", "src").split("/"):
            raise refuse(line, "a bind mount must stay within the repository.")
        if mount.type == "secret":
            identity = mount.secret_id
            if not identity or "$" in identity:
                raise refuse(line, "a secret mount must name its id without variables.")
            self.secrets.append(identity)

    def _take_copy(self, instruction: Instruction) -> None:
        for name, value in instruction.flags:
            if name == "--from":
                self._check_origin(instruction, value)
        sources = [word.strip('[]",') for word in instruction.words()[:-1]]
        remote = [source for source in sources if _may_be_remote(source)]
        if instruction.name == "ADD" and remote:
            raise refuse(
                instruction.line,
                "ADD from an address is fetched by the server itself and not allowed; "
                "use RUN with curl, wget or python instead.",
            )

    def _check_origin(self, instruction: Instruction, origin: str) -> None:
        """A stage by name or number, or an image."""
        if origin.lower() in self._stages:
            return
        if origin.isdigit() and int(origin) < self._stage_count:
            return
        self._check_image(instruction, origin)

    def _check_image(self, instruction: Instruction, image: str) -> None:
        problem = refusal(image, self._allowed)
        if problem:
            raise refuse(instruction.line, problem)


def _may_be_remote(source: str) -> bool:
    """Whether it is an address, or could become one when variables are put in."""
    literal, dollar, _ = source.lower().partition("$")
    if not dollar:
        return literal.startswith(_REMOTE)
    return literal.startswith(_REMOTE) or any(each.startswith(literal) for each in _REMOTE)
