"""Why a Space is not running: one plain sentence and one hint for each cause.

`{...}` fields are filled from the detail that travels with the cause (`explain`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from spaceport.stage import Stage


class Cause(Enum):
    """`NAME = (stage, sentence, hint)`. The name is stored; the texts may improve."""

    # nothing to run
    NO_APP_FILE = (
        Stage.NO_APP_FILE,
        "There is no {app_file} in the repository yet.",
        "Add {app_file}, or set app_file in README.md to the file that starts your app, and push.",
    )
    # the README or the settings make a start impossible
    NO_CARD = (
        Stage.CONFIG_ERROR,
        "README.md does not start with a configuration block.",
        "Begin README.md with a block between two '---' lines that names at least 'sdk'.",
    )
    BAD_CARD = (
        Stage.CONFIG_ERROR,
        "The configuration block of README.md is not valid: {problem}",
        "Mend the named key in README.md and push again.",
    )
    PYTHON_UNAVAILABLE = (
        Stage.CONFIG_ERROR,
        "Python {wanted} cannot be had on this server; available: {available}.",
        "Set python_version in README.md to one of them, or remove the line.",
    )
    SDK_UNAVAILABLE = (
        Stage.CONFIG_ERROR,
        "This server cannot run {sdk} Spaces: {problem}",
        "Ask the administrator, or choose another SDK.",
    )
    NAME_COLLISION = (
        Stage.CONFIG_ERROR,
        "Collision on variables and secrets names: {name} is both a variable and a secret.",
        "Delete one of the two in the Settings.",
    )
    FLAVOR_UNKNOWN = (
        Stage.CONFIG_ERROR,
        "The hardware {flavor} does not exist on this server.",
        "Choose another hardware in the Settings.",
    )
    # the build
    BAD_REQUIREMENT = (
        Stage.BUILD_ERROR,
        "{file} has a line that cannot be read: {problem}",
        "Mend the line and push again.",
    )
    PACKAGE_NOT_FOUND = (
        Stage.BUILD_ERROR,
        "The package {package} could not be found.",
        "Check its spelling and version in {file}.",
    )
    DEPENDENCY_CONFLICT = (
        Stage.BUILD_ERROR,
        "The requirements contradict each other: {problem}",
        "Loosen one of the versions named in the build log.",
    )
    SYSTEM_PACKAGE_NOT_FOUND = (
        Stage.BUILD_ERROR,
        "The Debian package {package} of packages.txt could not be installed.",
        "Check its name; packages.txt holds one Debian package name a line.",
    )
    BUILD_SECRET_MISSING = (
        Stage.BUILD_ERROR,
        "The Dockerfile needs the secret {name}, which this Space does not have.",
        "Add it in the Settings; the build then starts again by itself.",
    )
    DOCKERFILE_ERROR = (
        Stage.BUILD_ERROR,
        "The Dockerfile could not be built: {problem}",
        "The build log shows the failing step.",
    )
    BUILD_COMMAND_FAILED = (
        Stage.BUILD_ERROR,
        "app_build_command ended with exit code {exit_code}.",
        "The build log shows its output.",
    )
    LFS_OBJECT_MISSING = (
        Stage.BUILD_ERROR,
        "{path} is a git-lfs pointer whose content was never uploaded.",
        "Run: git lfs push --all origin",
    )
    NETWORK_POLICY = (
        Stage.BUILD_ERROR,
        "Images cannot be built under the network policy '{policy}' of this Space.",
        "Dockerfiles and packages.txt need the web: choose another network policy in the Settings.",
    )
    BUILD_TIMEOUT = (
        Stage.BUILD_ERROR,
        "The build took longer than {limit} and was stopped.",
        "Install fewer or smaller packages, or ask the administrator for more time.",
    )
    BUILD_OUT_OF_MEMORY = (
        Stage.BUILD_ERROR,
        "The build needed more than {limit} of memory and was stopped.",
        "Install fewer packages at once, or ask the administrator for a larger build limit.",
    )
    TOO_LARGE = (
        Stage.BUILD_ERROR,
        "The repository is too large to build: {problem}",
        "Remove what the app does not need.",
    )
    BUILD_FAILED = (
        Stage.BUILD_ERROR,
        "The build failed: {problem}",
        "The build log shows where.",
    )
    DISK_FULL = (
        Stage.BUILD_ERROR,
        "The server's disk is full.",
        "Ask the administrator to free space ('spaceport gc' helps), then restart the Space.",
    )
    # the start and the run
    WRONG_PORT = (
        Stage.RUNTIME_ERROR,
        "The app listens on port {found}, but port {expected} is the one that is served.",
        "Let it listen on the port in the PORT variable ({expected}){docker_hint}.",
    )
    LOOPBACK_ONLY = (
        Stage.RUNTIME_ERROR,
        "The app listens on 127.0.0.1 only, where nothing outside its container can reach it.",
        "Let it listen on 0.0.0.0, port {expected}.",
    )
    NEVER_LISTENED = (
        Stage.RUNTIME_ERROR,
        "Launch timed out, the app was not healthy after {limit}: it never opened port {expected}.",
        "Look at the run log; startup_duration_timeout in README.md gives more time.",
    )
    NEVER_ANSWERED = (
        Stage.RUNTIME_ERROR,
        "Launch timed out, the app was not healthy after {limit}: it opened port {expected} "
        "but answered no request well ({problem}).",
        "Look at the run log; the app must answer {path} with a status below 500.",
    )
    MODULE_NOT_FOUND = (
        Stage.RUNTIME_ERROR,
        "The app imports {module}, which is not installed.",
        "Add {package} to requirements.txt and push.",
    )
    LFS_POINTER = (
        Stage.RUNTIME_ERROR,
        "The app read {path} as a git-lfs pointer instead of the file itself.",
        "Run: git lfs push --all origin",
    )
    SYNTAX_ERROR = (
        Stage.RUNTIME_ERROR,
        "{file} has a syntax error in line {line}: {problem}",
        "Mend the line and push.",
    )
    APP_CRASHED = (
        Stage.RUNTIME_ERROR,
        "The app ended with exit code {exit_code}: {problem}",
        "The run log shows its last words.",
    )
    APP_FINISHED = (
        Stage.RUNTIME_ERROR,
        "The app came to its end by itself (exit code 0); a Space must keep running and serve.",
        "Check that the program starts a server and does not return.",
    )
    COMMAND_NOT_FOUND = (
        Stage.RUNTIME_ERROR,
        "The image's start command could not be run: {problem}",
        "Check CMD and ENTRYPOINT in the Dockerfile.",
    )
    OUT_OF_MEMORY = (
        Stage.RUNTIME_ERROR,
        "Memory limit exceeded ({limit}).",
        "Use less memory, or choose larger hardware in the Settings.",
    )
    OUT_OF_DISK = (
        Stage.RUNTIME_ERROR,
        "Workload evicted, storage limit exceeded ({limit}).",
        "Write less, or choose larger hardware or a storage tier in the Settings.",
    )
    BUDGET_SPENT = (
        Stage.SLEEPING,
        "The monthly budget of its owner is spent, and its hardware costs money.",
        "Its owner can raise the budget, or choose free hardware in the Settings.",
    )
    NO_CAPACITY = (
        Stage.RUNTIME_ERROR,
        "Scheduling failure: not enough hardware capacity ({problem}{turn}).",
        "Choose other hardware in the Settings, or wait until some is free.",
    )
    ENGINE_DOWN = (
        Stage.RUNTIME_ERROR,
        "The container engine of this server does not answer.",
        "Nothing is wrong with your Space; it starts by itself when the engine is back.",
    )
    NO_GPU = (
        Stage.RUNTIME_ERROR,
        "The container engine of this server cannot give out GPUs: {problem}",
        "Ask the administrator: the NVIDIA driver and container toolkit must be installed.",
    )
    STORAGE_UNAVAILABLE = (
        Stage.RUNTIME_ERROR,
        "The Space's storage could not be mounted: {problem}",
        "Nothing in it is lost. Ask the administrator ('spaceport doctor' tells more), then "
        "restart the Space.",
    )
    VOLUME_UNAVAILABLE = (
        Stage.CONFIG_ERROR,
        "The volume at {path} cannot be mounted: {problem}",
        "Take it out of the Space's volumes, or mend its source, then restart the Space.",
    )
    START_FAILED = (
        Stage.RUNTIME_ERROR,
        "The app could not be started: {problem}",
        "Restart the Space; if it happens again, tell the administrator.",
    )

    @property
    def stage(self) -> Stage:
        return self.value[0]

    def explain(self, detail: Mapping[str, Any]) -> Explanation:
        """Fill the texts; a field that the detail lacks reads as an empty word."""
        _, sentence, hint = self.value
        words = _Blank(detail)
        return Explanation(self, sentence.format_map(words), hint.format_map(words))


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


@dataclass(frozen=True)
class Explanation:
    """What a person reads: one sentence on what happened, one on what to do."""

    cause: Cause
    sentence: str
    hint: str


@dataclass(frozen=True)
class Failure:
    """A cause with the words to fill in, as it is stored with a build, release or replica."""

    cause: Cause
    detail: Mapping[str, Any] = field(default_factory=dict)

    def explain(self) -> Explanation:
        return self.cause.explain(self.detail)
