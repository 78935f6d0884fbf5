"""Why an app does not run, from what it left: its exit, last words, open ports; pure.

Nothing is certain here but the exit code; the causes are ordered from sure signs to guesses.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from runtime import last_words
from runtime.package_names import debian_package_of, package_of
from spaceport.cause import Cause, Failure
from spaceport.engine import Exit, Listening

DOCKER_RESOLVER = "127.0.0.11"  # the engine's own name server listens there in every container
ENDED_FROM_OUTSIDE = (128 + signal.SIGTERM, 128 + signal.SIGKILL)
COMMAND_CODES = (126, 127)  # the shell's: cannot be executed, not found


@dataclass(frozen=True)
class Expectations:
    """What a healthy app would have done."""

    port: int = 7860
    path: str = "/"
    startup_seconds: float = 1800
    memory: str = ""  # the limit as people read it: "16Gi"
    app_port_setting: bool = False  # a Docker Space may name its port in the README


@dataclass(frozen=True)
class Findings:
    """What was seen of an app that has not answered well yet."""

    connected: bool = False  # the port took a connection at least once
    problem: str = ""  # the last answer, or the lack of one: "it answered 500"
    listening: tuple[Listening, ...] = ()


def of_exit(ended: Exit, words: Sequence[str], expected: Expectations) -> Failure:
    """The cause of an end that nobody asked for. `words` are its last lines, secrets hidden."""
    if ended.out_of_memory or last_words.ran_out_of_memory(words):
        return Failure(Cause.OUT_OF_MEMORY, {"limit": expected.memory})
    if ended.error:
        return of_refusal(ended.error)
    if ended.code == 0:
        return Failure(Cause.APP_FINISHED)
    problem = last_words.problem(words)
    if ended.code in COMMAND_CODES and last_words.command_is_missing(problem):
        return Failure(Cause.COMMAND_NOT_FOUND, {"problem": problem})
    known = _known_exception(words)
    if known is not None:
        return known
    problem = problem or _signal_words(ended.code) or "it wrote nothing"
    return Failure(Cause.APP_CRASHED, {"exit_code": ended.code, "problem": problem})


def of_refusal(text: str) -> Failure:
    """The cause of a start that the engine refused, from the engine's own words."""
    words = last_words.short(text)
    low = text.lower()
    if "device driver" in low or "nvidia" in low:
        return Failure(Cause.NO_GPU, {"problem": words})
    if last_words.command_is_missing(text):
        return Failure(Cause.COMMAND_NOT_FOUND, {"problem": words})
    return Failure(Cause.START_FAILED, {"problem": words})


def of_silence(findings: Findings, expected: Expectations) -> Failure:
    """The cause when the start-up time is over."""
    limit = duration_text(expected.startup_seconds)
    if findings.connected:
        problem = findings.problem or "no answer"
        return Failure(
            Cause.NEVER_ANSWERED,
            {"limit": limit, "expected": expected.port, "problem": problem, "path": expected.path},
        )
    wrong_place = misplaced(findings.listening, expected)
    if wrong_place is not None:
        return wrong_place
    return Failure(Cause.NEVER_LISTENED, {"limit": limit, "expected": expected.port})


def misplaced(listening: Sequence[Listening], expected: Expectations) -> Failure | None:
    """WRONG_PORT or LOOPBACK_ONLY when it listens, but not where it could be reached."""
    own = [one for one in listening if one.address != DOCKER_RESOLVER]
    public = sorted(one.port for one in own if not _is_loopback(one.address))
    private = sorted(one.port for one in own if _is_loopback(one.address))
    if expected.port in public:
        return None
    if expected.port in private:
        return Failure(Cause.LOOPBACK_ONLY, {"expected": expected.port})
    if not public and not private:
        return None
    found = (public or private)[0]
    hint = f", or set app_port: {found} in README.md" if expected.app_port_setting else ""
    return Failure(
        Cause.WRONG_PORT, {"found": found, "expected": expected.port, "docker_hint": hint}
    )


def ended_from_outside(ended: Exit) -> bool:
    """Whether something else than the app itself seems to have ended it: an engine that stops."""
    return ended.code in ENDED_FROM_OUTSIDE and not ended.out_of_memory


def duration_text(seconds: float) -> str:
    """`30 min`, `90 s`."""
    whole = round(seconds)
    return f"{whole // 60} min" if whole >= 120 and whole % 60 == 0 else f"{whole} s"


def _known_exception(words: Sequence[str]) -> Failure | None:
    module = last_words.missing_module(words)
    if module is not None:
        return Failure(Cause.MODULE_NOT_FOUND, {"module": module, "package": package_of(module)})
    pointer = last_words.lfs_pointer(words)
    if pointer is not None:
        return Failure(Cause.LFS_POINTER, {"path": pointer})
    syntax = last_words.syntax_error(words)
    if syntax is not None:
        return Failure(
            Cause.SYNTAX_ERROR,
            {"file": syntax.file, "line": syntax.line, "problem": syntax.problem},
        )
    library = last_words.missing_library(words)
    package = debian_package_of(library) if library else None
    if package is not None:
        problem = f"the library {library} is missing; add {package} to packages.txt"
        return Failure(Cause.APP_CRASHED, {"exit_code": 1, "problem": problem})
    return None


def _is_loopback(address: str) -> bool:
    return address.startswith(("127.", "::ffff:127.")) or address == "::1"


def _signal_words(code: int) -> str:
    try:
        return f"it was ended by {signal.Signals(code - 128).name}" if code > 128 else ""
    except ValueError:
        return ""
