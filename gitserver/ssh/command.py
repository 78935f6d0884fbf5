"""What a client wants to run, read without a shell (git-server.md section 3, SSH-10).

A word is plain, or quoted as git quotes (`'a b'`, with `'\\''` and `'\\!'` for two characters that
shells care about). Nothing is expanded, and nothing but what git and git-lfs send is understood.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from gitserver.access import Service, repository_name

_WORD = re.compile(r"(?:[A-Za-z0-9_./~@%+,:=-]|'[^']*'|\\['!])+")
_PIECE = re.compile(r"'([^']*)'|\\(['!])|([^'\\]+)")
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
_LFS_AUTHENTICATE = "git-lfs-authenticate"
_SERVICES = {f"git-{service}": service for service in Service}


class Operation(StrEnum):
    """What git-lfs asks leave for; the words of the wire."""

    UPLOAD = "upload"
    DOWNLOAD = "download"


@dataclass(frozen=True)
class GitCommand:
    """`git-upload-pack` or `git-receive-pack`."""

    service: Service
    author: str
    name: str


@dataclass(frozen=True)
class LfsAuthenticate:
    """`git-lfs-authenticate`: a ticket for git-lfs over HTTP, by one who is known here."""

    operation: Operation
    author: str
    name: str

    @property
    def service(self) -> Service:
        """The service that needs the same right (LFS-01)."""
        upload = self.operation is Operation.UPLOAD
        return Service.RECEIVE_PACK if upload else Service.UPLOAD_PACK


Command = GitCommand | LfsAuthenticate


class CommandRefused(Exception):
    """Raised for what is not run. `status` is the exit status: 1, or 127 for another program."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def parse_command(line: bytes, *, longest: int, root: str = "spaces") -> Command:
    """The command of an `exec` request. Raises `CommandRefused` with a sentence for the person.

    Repositories are at `root/author/name`, with or without `/` before and `.git` behind.
    """
    words = _words(line, longest)
    if words[0] == "git" and len(words) > 1:
        words = [f"git-{words[1]}", *words[2:]]  # as `git upload-pack`, which some clients say
    verb, arguments = words[0], words[1:]
    if verb not in _SERVICES and verb != _LFS_AUTHENTICATE:
        raise CommandRefused(_why_not(verb), 127 if _PLAIN.fullmatch(verb) else 1)
    count = 2 if verb == _LFS_AUTHENTICATE else 1
    if len(arguments) != count or any(each.startswith("-") for each in arguments):
        more = " and 'upload' or 'download'" if count == 2 else ""
        raise CommandRefused(f"{verb} takes one repository{more}, and nothing else.")
    author, name = _place(arguments[0], root)
    if verb in _SERVICES:
        return GitCommand(_SERVICES[verb], author, name)
    if arguments[1] not in list(Operation):
        raise CommandRefused("git-lfs-authenticate gives leave to 'upload' or to 'download'.")
    return LfsAuthenticate(Operation(arguments[1]), author, name)


def _words(line: bytes, longest: int) -> list[str]:
    if len(line) > longest:
        raise CommandRefused(f"A command has at most {longest} bytes.")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = "\0"
    if not text.isprintable():
        raise CommandRefused("A command has no line breaks and no control characters.")
    text = text.strip(" ")
    words, at = [], 0
    while at <= len(text):
        match = _WORD.match(text, at)
        if match is None or text[match.end() : match.end() + 1] not in ("", " "):
            raise CommandRefused("This is not a command as git writes it; there is no shell here.")
        words.append(_unquoted(match[0]))
        at = match.end() + 1
    return words


def _unquoted(word: str) -> str:
    return "".join(a or b or c for a, b, c in _PIECE.findall(word))


def _place(path: str, root: str) -> tuple[str, str]:
    parts = path.removeprefix("/").removesuffix("/").split("/")
    if len(parts) == 3 and parts[0] == root:
        author, name = repository_name(parts[1]), repository_name(parts[2])
        if author is not None and name is not None:
            return author, name
    raise CommandRefused(f"There is no such repository. The address is {root}/<author>/<name>.")


def _why_not(verb: str) -> str:
    if verb == "git-lfs-transfer":
        return "git-lfs transfers go over HTTP here; git-lfs asks for leave by itself."
    if verb == "git-upload-archive":
        return "This server makes no archives; clone the repository instead."
    return "Only git can be used here: git-upload-pack, git-receive-pack, git-lfs-authenticate."
