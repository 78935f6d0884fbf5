"""Names of accounts and Spaces, and the host label made of both.

Rules: spaces-behaviour 1.3 and 13.1. Every door uses these functions and no other.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from spaceport.errors import Invalid

SpaceKey = str
"""24 hex digits, given once, never reused; paths and labels are made of it."""

MAX_NAME = 96
MAX_LABEL = 63
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_ACCOUNT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9]|-(?=[A-Za-z0-9]))*")
_LABEL_BREAK = re.compile(r"[^a-z0-9]+")
_RESERVED = """about account accounts admin admins agents api app apps assets auth blog
    by-subdomain chat collections datasets docs enterprise explore git health healthz
    help hf home hub join kernels login logout metrics models new new-space oauth
    organizations orgs papers posts pricing privacy root search settings signup
    spaceport spaces static status support system tasks terms uploads user users
    webhooks www"""
RESERVED_ACCOUNTS = frozenset(_RESERVED.split())
RESERVED_LABELS = frozenset(("www", "api", "auth", "admin", "static", "assets", "git", "mail"))


def new_key() -> str:
    """A fresh key of 24 hex digits for a Space, account or other lasting thing."""
    return secrets.token_hex(12)


@dataclass(frozen=True, order=True)
class SpaceId:
    """`author/name` as people type it; case is kept for display and ignored in look-ups."""

    author: str
    name: str

    def __str__(self) -> str:
        return f"{self.author}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> SpaceId:
        """Raises `Invalid` unless `text` is exactly `author/name`; asks nothing of the parts."""
        author, slash, name = text.partition("/")
        if not slash or not author or not name or "/" in name:
            raise Invalid(f"{text!r} is not a Space id", hint="Write it as author/name.")
        return cls(author, name)


def check_space_name(name: str) -> str:
    """Return `name`, or raise `Invalid` naming the rule that it breaks (1.3.1 to 1.3.3)."""
    if not name or len(name) > MAX_NAME:
        raise Invalid(f"A Space name has 1 to {MAX_NAME} characters, this one has {len(name)}.")
    if "--" in name or ".." in name:
        raise Invalid(f"{name!r}: a Space name must not contain '--' or '..'.")
    if name.lower().endswith(".git"):
        raise Invalid(f"{name!r}: a Space name must not end in '.git'.")
    if not _NAME.fullmatch(name):
        raise Invalid(
            f"{name!r}: a Space name is made of letters, digits, '-', '_' and '.', "
            "and starts and ends with a letter, a digit or '_'."
        )
    return name


def check_account_name(name: str) -> str:
    """Return `name`, or raise `Invalid` naming the rule that it breaks (1.3.7)."""
    if not 2 <= len(name) <= 42:
        raise Invalid(f"An account name has 2 to 42 characters, this one has {len(name)}.")
    if not _ACCOUNT.fullmatch(name):
        raise Invalid(f"{name!r}: an account name is made of letters, digits and single inner '-'.")
    if name.isdigit():
        raise Invalid(f"{name!r}: an account name must not be digits only.")
    if name.lower() in RESERVED_ACCOUNTS:
        raise Invalid(f"{name!r} is reserved.", hint="Choose another name.")
    return name


def host_label(space: SpaceId, key: SpaceKey, *, taken: bool = False) -> str:
    """The DNS label of a Space's address (13.1.1 to 13.1.3).

    `taken` says that another Space holds the plain form; then, and when the plain form is longer
    than 63 octets or reserved, eight digits of a hash of the immutable key make it unique.
    """
    plain = _LABEL_BREAK.sub("-", f"{space.author}-{space.name}".lower()).strip("-")
    if plain and len(plain) <= MAX_LABEL and not taken and plain not in RESERVED_LABELS:
        return plain
    digest = hashlib.sha256(key.encode()).hexdigest()[:8]
    return f"{plain[:54].rstrip('-') or 'space'}-{digest}"


def preview_label(parent: str, ref: str, key: SpaceKey, *, taken: bool = False) -> str:
    """The DNS label of a preview: that of its Space, `--`, the branch (13.1.2 reserves `--`).

    `refs/pr/3` is `pr-3`. What is longer than 63 octets, `taken` by another preview, or has no
    letter or digit, is made unique by eight digits of a hash of the preview's own key.
    """
    shown = ref.removeprefix("refs/heads/").removeprefix("refs/").lower()
    branch = _LABEL_BREAK.sub("-", shown).strip("-")
    if len(parent) == 2:  # RFC 5891 keeps labels with `--` behind two characters to itself
        parent = f"{parent}-space"
    plain = f"{parent}--{branch}"
    if branch and len(plain) <= MAX_LABEL and not taken:
        return plain
    end = f"--{branch[:24].strip('-') or 'branch'}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
    return parent[: MAX_LABEL - len(end)].rstrip("-") + end


def title_of(name: str) -> str:
    """`my-nice_app` → `My Nice App` (1.4.2)."""
    words = [word for word in re.split(r"[-_.\s]+", name) if word]
    return " ".join(word[:1].upper() + word[1:] for word in words) or name
