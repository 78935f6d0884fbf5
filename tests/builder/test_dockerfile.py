"""What a user's Dockerfile may say, as tables."""

from __future__ import annotations

import pytest

from builder import dockerfile
from builder.dockerfile import Needs
from builder.failed import BuildFailed
from spaceport.cause import Cause


def check(text: str, **variables: str) -> Needs:
    return dockerfile.check(dockerfile.parse(text), build_args=variables)


ALLOWED = [
    "FROM python:3.11",
    "FROM scratch",
    "FROM --platform=linux/amd64 ghcr.io/someone/thing:1 AS one\nFROM one\nCOPY --from=one /a /b",
    "FROM python:3\nFROM node:22\nCOPY --from=0 /a /b\nCOPY --from=nginx:1 /a /b",
    "ARG V=3.11\nFROM python:${V}-slim",
    "ARG V\nFROM python:${V:-3.11}",
    "FROM python:3\nRUN --network=none true\nRUN --mount=type=tmpfs,target=/x true",
    "FROM python:3\nRUN --mount=type=bind,source=.,target=/src true",
    "FROM python:3\nADD archive.tar.gz /\nADD --chown=1000 ${HERE}x /x".replace("${HERE}", "sub/"),
    "# a comment\n\nfrom python:3\nrun true",
    "FROM python:3\nRUN <<EOF\nADD https://example.org /x\nEOF\n",
    "FROM python:3\nRUN one && \\\n  # why\n\n  two",
]


@pytest.mark.parametrize("text", ALLOWED)
def test_allowed(text: str) -> None:
    check(text)


REFUSED = [
    ("FROM python:3\nRUN --security=insecure true", 2, "--security"),
    ("FROM python:3\nRUN --network=host true", 2, "--network=host"),
    ("FROM python:3\nRUN --device=nvidia.com/gpu=all true", 2, "--device"),
    ("FROM python:3\nRUN --mount=type=ssh true", 2, "type=ssh"),
    ("FROM python:3\nRUN true\nRUN --mount=type=tmpfs,target=/a --mount=type=ssh true", 3, "ssh"),
    ("FROM python:3\nRUN --mount=type=$T,target=/a true", 2, "type=$T"),
    ("FROM python:3\nRUN --mount=source=../x,target=/a true", 2, "within the repository"),
    ("FROM python:3\nRUN \\\n  --network=host true", 2, "--network=host"),
    ("FROM python:3\nONBUILD RUN --network=host true", 2, "--network=host"),
    ("FROM spaceport/space-abc:1", 1, "this server itself"),
    ("FROM docker.io/library/spaceport-base:py3", 1, "this server itself"),
    ("FROM python:3\nCOPY --from=spaceport/space-abc:1 /a /b", 2, "this server itself"),
    ("FROM python:3\nRUN --mount=from=spaceport/system:1,target=/a true", 2, "this server itself"),
    ("ARG B=spaceport/space-abc:1\nFROM $B", 2, "this server itself"),
    ("ARG B\nFROM ${B:-spaceport/space-abc:1}", 2, "this server itself"),
    ("FROM 3f4a9b2c1d", 1, "by its id"),
    ("FROM sha256:" + "0" * 64, 1, "by its id"),
    ("FROM ${A#b}", 1, "cannot be checked"),
    ("FROM localhost:5000/x", 1, "address"),
    ("FROM 10.0.0.1/x", 1, "address"),
    ("FROM [::1]:5000/x", 1, "address"),
    ("FROM python:3\nADD http://169.254.169.254/latest /x", 2, "ADD"),
    ('FROM python:3\nADD ["https://example.org/a", "/x"]', 2, "ADD"),
    ("FROM python:3\nADD git@github.com:a/b.git /x", 2, "ADD"),
    ("FROM python:3\nADD $WHERE /x", 2, "ADD"),
    ("FROM python:3\nADD ht${TP}://x /x", 2, "ADD"),
    ("FROM python:3\nRUN --mount=type=secret,id=$X true", 2, "without variables"),
    ("FROM python:3\nRUN <<EOF\nnever ends", 2, "no end"),
    ("FROM python:3\nRNU true", 2, "unknown instruction RNU"),
    ("RUN true", 1, "no FROM"),
    ("FROM python:3\n" + "RUN true\n" * 1001, 1001, "more than 1000"),
]


@pytest.mark.req("BLD-08")
@pytest.mark.req("BLD-06")
@pytest.mark.parametrize(("text", "line", "words"), REFUSED)
def test_refused(text: str, line: int, words: str) -> None:
    with pytest.raises(BuildFailed) as failed:
        check(text)
    assert failed.value.failure.cause is Cause.DOCKERFILE_ERROR
    problem = failed.value.failure.detail["problem"]
    assert problem.startswith(f"line {line}: ")
    assert words in problem


def test_a_variable_of_the_space_counts_in_from() -> None:
    text = "ARG BASE=python:3\nFROM $BASE"
    check(text)
    with pytest.raises(BuildFailed):
        check(text, BASE="spaceport/space-abc:1")


def test_allow_list() -> None:
    parsed = dockerfile.parse("FROM ghcr.io/someone/thing:1")
    dockerfile.check(parsed, build_args={}, allowed_images=("ghcr.io/*",))
    with pytest.raises(BuildFailed):
        dockerfile.check(parsed, build_args={}, allowed_images=("python:*", "node:*"))


def test_needs() -> None:
    text = """FROM python:3
ARG ONE TWO=2
RUN --mount=type=secret,id=A --mount=type=secret,target=/run/secrets/B true
RUN --mount="type=secret,source=C,target=/x" true
ARG ONE
"""
    assert check(text) == Needs(("ONE", "TWO"), ("A", "B", "C"))


def test_rewrite_keeps_everything_else() -> None:
    text = """# syntax=docker/dockerfile:1
FROM python:3 AS one
RUN --mount=type=cache,target=/root/.cache,sharing=locked \\
    pip install x && \\
    true
FROM one
RUN --mount=type=cache,id=mine,target=/c --network=none <<EOF
echo hello
EOF
RUN --mount=type=secret,id=S true
COPY --link . /app
"""
    assert (
        dockerfile.rewrite(dockerfile.parse(text), scope="key.digest")
        == """#
FROM python:3 AS one
ARG SPACEPORT_CACHE=key.digest
#
#
RUN --mount=type=cache,target=/root/.cache,sharing=locked,id=key-/root/.cache \
pip install x &&     true
FROM one
ARG SPACEPORT_CACHE=key.digest
RUN --mount=type=cache,target=/c,id=key-mine --network=none <<EOF
echo hello
EOF
RUN --mount=type=secret,id=S true
COPY --link . /app
"""
    )
