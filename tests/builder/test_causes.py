"""Causes, by what uv, apt and BuildKit really print."""

from __future__ import annotations

from typing import Any

import pytest

from builder.causes import is_noise, needs_source, of_image, of_install, of_system_packages
from spaceport.cause import Cause

HEAD = "error: No solution found when resolving dependencies\n"
OLD_HEAD = "  × No solution found when resolving dependencies:\n  ╰─▶ "
UNSATISFIABLE = "we can conclude that your requirements are unsatisfiable."

INSTALL: list[tuple[str, str, Cause, dict[str, Any]]] = [
    (
        "no such package",
        f"{HEAD}  cause: Because nopackage was not found in the package registry and you require "
        f"nopackage, {UNSATISFIABLE}",
        Cause.PACKAGE_NOT_FOUND,
        {"package": "nopackage", "file": "requirements.txt"},
    ),
    (
        "the same of an older uv",
        f"{OLD_HEAD}Because nopackage was not found in the package registry and you\n"
        f"      require nopackage, {UNSATISFIABLE}",
        Cause.PACKAGE_NOT_FOUND,
        {"package": "nopackage", "file": "requirements.txt"},
    ),
    (
        "no such version of the SDK",
        f"{HEAD}  cause: Because there is no version of gradio==99.0.0 and you require "
        f"gradio==99.0.0, {UNSATISFIABLE}",
        Cause.PACKAGE_NOT_FOUND,
        {"package": "gradio==99.0.0", "file": "README.md (sdk_version)"},
    ),
    (
        "only older ones",
        f"{HEAD}  cause: Because only flask<=3.1.3 is available and you require flask>=9, "
        f"{UNSATISFIABLE}",
        Cause.PACKAGE_NOT_FOUND,
        {"package": "flask>=9", "file": "requirements.txt"},
    ),
    (
        "another Python",
        f"{HEAD}  cause: Because tensorflow==2.3.0 has no wheels with a matching Python ABI tag "
        f"(e.g., `cp311`) and you require tensorflow==2.3.0, {UNSATISFIABLE}",
        Cause.PACKAGE_NOT_FOUND,
        {
            "package": "tensorflow==2.3.0 (for this version of Python)",
            "file": "requirements.txt",
        },
    ),
    (
        "conflict",
        f"{HEAD}  cause: Because you require gradio==6.31.0 and gradio==5.0.0, {UNSATISFIABLE}\n\n"
        "hint: something",
        Cause.DEPENDENCY_CONFLICT,
        {"problem": f"Because you require gradio==6.31.0 and gradio==5.0.0, {UNSATISFIABLE}"},
    ),
    (
        "disk",
        "error: failed to write to file: No space left on device (os error 28)",
        Cause.DISK_FULL,
        {},
    ),
    (
        "address",
        "error: Failed to download `x @ https://u:p@nope.invalid/x.whl`\n"
        "  cause: Failed to fetch: https://u:p@nope.invalid/x.whl\n",
        Cause.BUILD_FAILED,
        {"problem": "https://nope.invalid/x.whl could not be fetched."},
    ),
    (
        "from source",
        "  × Failed to build `psycopg2==2.9.9`\n  ├─▶ The build backend returned an error",
        Cause.BUILD_FAILED,
        {"problem": "psycopg2==2.9.9 could not be built from source."},
    ),
    (
        "git",
        "error: Git executable not found. Ensure that Git is installed and available.",
        Cause.BUILD_FAILED,
        {"problem": "a requirement needs git, which the base image does not have."},
    ),
    ("else", "error: some new words", Cause.BUILD_FAILED, {"problem": "some new words"}),
    (
        "silence",
        "",
        Cause.BUILD_FAILED,
        {"problem": "installing the packages did not work."},
    ),
]


@pytest.mark.parametrize("case", INSTALL, ids=[case[0] for case in INSTALL])
def test_install(case: tuple[str, str, Cause, dict[str, Any]]) -> None:
    _, text, cause, detail = case
    found = of_install(text.splitlines(), sdk="gradio")
    assert (found.cause, dict(found.detail)) == (cause, detail)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEAD}  cause: Because docopt==0.6.2 has no usable wheels and you require ...", True),
        ("hint: Wheels are required for `x` because building from source is disabled", True),
        (f"{HEAD}  cause: Because nopackage was not found in the package registry", False),
    ],
)
def test_needs_source(text: str, expected: bool) -> None:
    assert needs_source(text.splitlines()) is expected


OLD_STEP = """#5 [stage-0 2/3] RUN pip install nope
#5 0.164 Collecting nope
#5 0.512 ERROR: No matching distribution found for nope
#5 0.513 tidying up
#5 ERROR: executor failed running [/bin/sh -c pip install nope]: exit code: 1
------
 > [stage-0 2/3] RUN pip install nope:
------
executor failed running [/bin/sh -c pip install nope]: exit code: 1"""
NEW_STEP = """#5 [2/3] RUN make
#5 0.20 cc: no such file
#5 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2
------
 > [2/3] RUN make:
0.20 cc: no such file
------
Dockerfile:5
--------------------
ERROR: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2"""
MISSING = """#3 [internal] load metadata for docker.io/library/nope:1
#3 ERROR: failed to do request: Head "https://registry-1.docker.io/v2/library/nope/manifests/1"
------
 > [internal] load metadata for docker.io/library/nope:1:
------
failed to solve with frontend dockerfile.v0: failed to do request"""
IMAGE: list[tuple[str, str, Cause, str]] = [
    (
        "20.10",
        OLD_STEP,
        Cause.DOCKERFILE_ERROR,
        "the step 'RUN pip install nope' ended with exit code 1: tidying up",
    ),
    (
        "28",
        NEW_STEP,
        Cause.DOCKERFILE_ERROR,
        "the step 'RUN make' ended with exit code 2: cc: no such file",
    ),
    ("image", MISSING, Cause.DOCKERFILE_ERROR, "the image nope:1 could not be fetched."),
    (
        "copy",
        'ERROR: failed to solve: failed to compute cache key: "/x": not found',
        Cause.DOCKERFILE_ERROR,
        'failed to compute cache key: "/x": not found',
    ),
    (
        "engine's own words",
        "Dockerfile:3: here-documents (<<) need Docker Engine 23 or newer; this one is 20.10.24.",
        Cause.DOCKERFILE_ERROR,
        "Dockerfile:3: here-documents (<<) need Docker Engine 23 or newer; this one is 20.10.24.",
    ),
    *(
        (
            f"secret {age}",
            f"ERROR: failed to solve: {text}",
            Cause.BUILD_SECRET_MISSING,
            "",
        )
        for age, text in (
            ("old", "rpc error: code = Unknown desc = secret TOKEN not found: not found"),
            ("new", "secret TOKEN: not found"),
        )
    ),
    ("memory", OLD_STEP.replace("exit code: 1", "exit code: 137"), Cause.BUILD_OUT_OF_MEMORY, ""),
    ("disk", "#5 0.2 tar: write error: No space left on device", Cause.DISK_FULL, ""),
]


@pytest.mark.parametrize("case", IMAGE, ids=[case[0] for case in IMAGE])
def test_image(case: tuple[str, str, Cause, str]) -> None:
    _, text, cause, problem = case
    found = of_image(text.splitlines())
    assert (found.cause, found.detail.get("problem", "")) == (cause, problem)


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("#6 1.2 E: Unable to locate package libnope", "libnope"),
        ("#6 1.2 E: Package 'libgl1-mesa-glx' has no installation candidate", "libgl1-mesa-glx"),
        ("#6 1.2 E: Version '7' for 'curl' was not found", "curl"),
    ],
)
def test_system_packages(text: str, package: str) -> None:
    found = of_system_packages(text.splitlines())
    assert (found.cause, found.detail) == (Cause.SYSTEM_PACKAGE_NOT_FOUND, {"package": package})


def test_noise() -> None:
    assert is_noise("")
    assert is_noise("#5 sha256:" + "0" * 64)
    assert not is_noise("#5 0.1 sha256:" + "0" * 64)
