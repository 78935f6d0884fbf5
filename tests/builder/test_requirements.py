"""Requirements files: what is read, what must stay private, what is refused."""

from __future__ import annotations

import pytest

from builder.failed import BuildFailed
from builder.requirements import Requirements, read_requirements
from spaceport.cause import Cause

TRUSTED = ("https://download.pytorch.org/whl/",)


def read(text: str, **others: str) -> Requirements:
    files = {"requirements.txt": text.encode()}
    files.update({name.replace("__", "/") + ".txt": body.encode() for name, body in others.items()})
    found = read_requirements("requirements.txt", files.get, trusted_indexes=TRUSTED)
    assert found is not None
    return found


def test_absent() -> None:
    assert read_requirements("requirements.txt", {}.get) is None


def test_ordinary_lines() -> None:
    found = read(
        "\ufeff# comment\n\nrequests\nNumPy >= 1.20 # why\npandas[excel]==2.*\n"
        "six==1.16.0 --hash=sha256:" + "0" * 64 + "\n"
        "uvicorn \\\n  >=0.20\ntomli; python_version < '3.11'\n"
    )
    assert found.packages == (
        "requests",
        "NumPy>=1.20",
        "pandas[excel]==2.*",
        "six==1.16.0",
        "uvicorn>=0.20",
        'tomli; python_version < "3.11"',
    )
    assert found.private == ()
    assert found.names()["numpy"] == ">=1.20"


def test_includes_and_constraints() -> None:
    found = read("-r more/base.txt\n-cpins.txt\n", more__base="-r other.txt\nsix\n",
                 more__other="toolz\n", pins="six<2\n")  # fmt: skip
    assert (found.packages, found.constraints) == (("toolz", "six"), ("six<2",))


def test_options() -> None:
    index = "https://download.pytorch.org/whl/cpu"
    found = read(f"--extra-index-url {index}\n--pre\n--trusted-host x\n")
    assert found.indexes == (index,)
    assert found.prerelease
    assert found.ignored == ("--trusted-host",)
    assert found.private == ()


PRIVATE = [
    ("git+https://github.com/someone/thing@main", False),
    ("thing @ git+ssh://git@host/thing", False),
    ("https://example.org/thing-1.0-py3-none-any.whl", False),
    ("thing @ https://example.org/thing.zip", False),
    ("./thing", True),
    ("thing-1.0-py3-none-any.whl", True),
    ("thing @ file:///home/user/app/thing", True),
    ("-e .", True),
    ("-e git+https://github.com/someone/thing#egg=thing", False),
    ("--index-url https://index.example.org/simple", False),
    ("--extra-index-url=https://index.example.org/simple", False),
    ("-ihttps://index.example.org/simple", False),
    ("--find-links ./wheels", True),
    ("--no-binary :all:", False),
]


@pytest.mark.req("BLD-07")
@pytest.mark.parametrize(("line", "local"), PRIVATE, ids=[line for line, _ in PRIVATE])
def test_what_must_not_be_shared(line: str, local: bool) -> None:
    found = read(f"six\n{line}\n")
    assert found.private
    assert found.others == (line,)
    assert found.local is local


BAD = [
    ("this is not a requirement\n", "line 1"),
    ("six\n\nnumpy=1.0\n", "line 3"),
    ("six\n-r missing.txt\n", "line 2: there is no file 'missing.txt'"),
    ("-r ../outside.txt\n", "not a file of the repository"),
    ("-r /etc/passwd\n", "not a file of the repository"),
    ("-r requirements.txt\n", "too deeply"),
    ("six\n" * 5001, "more than 5000 lines"),
]


@pytest.mark.parametrize(("text", "words"), BAD, ids=[words for _, words in BAD])
def test_unreadable(text: str, words: str) -> None:
    with pytest.raises(BuildFailed) as failed:
        read(text)
    assert failed.value.failure.cause is Cause.BAD_REQUIREMENT
    assert failed.value.failure.detail["file"] == "requirements.txt"
    assert words in failed.value.failure.detail["problem"]


def test_not_utf8() -> None:
    with pytest.raises(BuildFailed) as failed:
        read_requirements("r.txt", {"r.txt": b"six\n\xff\xfe"}.get)
    assert failed.value.failure.detail["problem"] == "line 2: it is not UTF-8 text."


def test_a_password_in_an_address_is_not_repeated() -> None:
    found = read("git+https://user:hunter22@github.com/someone/thing\n")
    assert "hunter22" not in found.private[0]
