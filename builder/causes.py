"""What programs say when they fail, as a cause that a person can act on. Pure.

The words are those of uv 0.8 to 0.13 and of BuildKit in Docker 20.10 to 28.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from spaceport.cause import Cause, Failure

MAX_PROBLEM = 600

_BOX = re.compile(r"[×╰─▶│├]+")
_STAMP = re.compile(r"^#\d+ (?:\d+\.\d+ )?")
_NOT_FOUND = re.compile(r"[Bb]ecause (\S+) was not found in the package registry")
_NO_VERSION = re.compile(r"there (?:is|are) no versions? of (\S+)")
_ONLY = re.compile(r"only \S+ (?:is|are) available and you require ([^\s,]+)")
_NO_WHEEL = re.compile(r"(\S+) has no wheels with a matching Python (?:ABI|version|implementation)")
_NO_SOURCE = ("no usable wheels", "no wheels with a matching", "building from source is disabled")
_NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_UNREACHABLE = re.compile(r"Failed to (?:fetch|download):? `?(?:\S+ @ )?(\S+?)`?(?:\s|$)")
_UNBUILT = re.compile(r"Failed to (?:build|download and build) `?([^`\s]+)`?")
_LAST_ERROR = re.compile(r"^\s*(?:error|ERROR):?\s+(.*)$")

_STEP = re.compile(r"^ > (?:\[[^\]]*\] )?(.*?):?$")
_EXIT = re.compile(r"exit code: (\d+)")
_SOLVE = re.compile(
    r"failed to solve(?: with frontend \S+)?: (?:rpc error: code = \w+ desc = )?(.*)"
)
_NO_SECRET = re.compile(r"\bsecret (\w+)(?: not found)?: not found")  # two ages of BuildKit
_METADATA = re.compile(r"> \[internal\] load metadata for (?:docker\.io/(?:library/)?)?(\S+?):? ")
_NOISE = re.compile(r"|#\d+ sha256:[0-9a-f]{64}|-{3,}")


def is_noise(line: str) -> bool:
    """Lines of BuildKit that tell nobody anything."""
    return _NOISE.fullmatch(line) is not None


def needs_source(lines: Iterable[str]) -> bool:
    """Whether uv only failed because it may not build from source here."""
    text = _joined(lines)
    return any(words in text for words in _NO_SOURCE)


def of_install(lines: Sequence[str], *, sdk: str = "") -> Failure:
    """Why installing Python packages failed. `sdk` is the package whose version the card names."""
    text = _joined(lines)
    if _NO_SPACE.search(text):
        return Failure(Cause.DISK_FULL)
    for pattern in (_NOT_FOUND, _NO_VERSION, _ONLY):
        match = pattern.search(text)
        if match:
            return _not_found(match.group(1).rstrip(",."), sdk)
    match = _NO_WHEEL.search(text)
    if match:
        return _not_found(f"{match.group(1)} (for this version of Python)", sdk)
    if "No solution found" in text:
        return Failure(Cause.DEPENDENCY_CONFLICT, {"problem": _short(_reason(text))})
    match = _UNBUILT.search(text)
    if match:
        return _failed(f"{match.group(1)} could not be built from source.")
    if "Git executable not found" in text:
        return _failed("a requirement needs git, which the base image does not have.")
    match = _UNREACHABLE.search(text)
    if match:
        return _failed(f"{_without_login(match.group(1))} could not be fetched.")
    return _failed(_last_error(lines) or "installing the packages did not work.")


def of_system_packages(lines: Sequence[str]) -> Failure:
    """Why `apt-get install` failed."""
    text = _joined(lines)
    if _NO_SPACE.search(text):
        return Failure(Cause.DISK_FULL)
    match = re.search(
        r"E: (?:Unable to locate package |Package '?|Version '\S+' for ')([^\s']+)", text
    )
    if match:
        return Failure(Cause.SYSTEM_PACKAGE_NOT_FOUND, {"package": match.group(1)})
    return _failed("the Debian packages of packages.txt could not be installed.")


def of_image(lines: Sequence[str]) -> Failure:
    """Why a Dockerfile could not be built, with the failing step and its last words."""
    text = _joined(lines)
    if _NO_SPACE.search(text):
        return Failure(Cause.DISK_FULL)
    metadata = _METADATA.search(text)
    if metadata:
        problem = f"the image {metadata.group(1)} could not be fetched."
        return Failure(Cause.DOCKERFILE_ERROR, {"problem": problem})
    code = _EXIT.search(text)
    if code and code.group(1) == "137":
        return Failure(Cause.BUILD_OUT_OF_MEMORY, {"limit": "a build may use here"})
    step = _failing_step(lines)
    if code and step:
        words = _last_words(lines, step)
        said = f": {words}" if words else "."
        problem = f"the step '{_short(step, 200)}' ended with exit code {code.group(1)}{said}"
        return Failure(Cause.DOCKERFILE_ERROR, {"problem": _short(problem)})
    solved = [match.group(1) for line in lines if (match := _SOLVE.search(line))]
    secret = None if code else _NO_SECRET.search(text)
    if secret:
        return Failure(Cause.BUILD_SECRET_MISSING, {"name": secret.group(1)})
    if solved:
        return Failure(Cause.DOCKERFILE_ERROR, {"problem": _short(solved[-1])})
    words = next((line for line in reversed(lines) if line.strip()), "")
    found = _last_error(lines) or words or "the builder gave no reason."
    return Failure(Cause.DOCKERFILE_ERROR, {"problem": _short(found)})


def _failing_step(lines: Sequence[str]) -> str:
    """The instruction in the ` > [2/3] RUN …:` line, which BuildKit prints once at the end."""
    found = [match.group(1) for line in lines if (match := _STEP.match(line))]
    return found[-1].rstrip(":") if found else ""


def _last_words(lines: Sequence[str], step: str) -> str:
    """The last line that the failing step itself printed."""
    number = ""
    spoken = ""
    for line in lines:
        head = re.match(r"#(\d+) \[[^\]]*\] (.*)$", line)
        if head and head.group(2).rstrip(":") == step:
            number = head.group(1)
            continue
        if number and line.startswith(f"#{number} "):
            said = _STAMP.sub("", line).strip()
            if said and not said.startswith(("ERROR", "CACHED", "DONE", "sha256:")):
                spoken = said
    return spoken


def _joined(lines: Iterable[str]) -> str:
    """One line of text; uv's frames of an older version removed."""
    return " ".join(_BOX.sub(" ", " ".join(lines)).split())


def _reason(text: str) -> str:
    """What follows "No solution found ...": the chain of becauses, without the hints."""
    _, _, behind = text.partition("No solution found when resolving dependencies")
    behind = behind.partition(" hint: ")[0]
    return behind.removeprefix(":").strip().removeprefix("cause:").strip() or text


def _last_error(lines: Sequence[str]) -> str:
    found = [match.group(1) for line in lines if (match := _LAST_ERROR.match(line))]
    return _short(found[-1]) if found else ""


def _not_found(package: str, sdk: str) -> Failure:
    name = re.split(r"[\[=<>!~ ]", package, maxsplit=1)[0].lower()
    file = "README.md (sdk_version)" if sdk and name == sdk else "requirements.txt"
    return Failure(Cause.PACKAGE_NOT_FOUND, {"package": package, "file": file})


def _failed(problem: str) -> Failure:
    return Failure(Cause.BUILD_FAILED, {"problem": _short(problem)})


def _without_login(address: str) -> str:
    return re.sub(r"(://)[^/@\s]*@", r"\1", address)


def _short(text: str, limit: int = MAX_PROBLEM) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
