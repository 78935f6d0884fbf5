"""The server's own keys: made once, readable by us alone from their first moment (SSH-13)."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from gitserver.durable import sync_folder
from spaceport.errors import Misconfigured

_PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
_RSA_BITS = 3072
_NAMES = ("ssh_host_ed25519_key", "ssh_host_rsa_key")


@dataclass(frozen=True)
class HostKey:
    """`fingerprint` as `ssh-keygen -l` prints it; `line` as in `known_hosts`, without a host."""

    key: paramiko.PKey
    fingerprint: str
    line: str


def open_host_keys(folder: Path) -> tuple[HostKey, ...]:
    """Ed25519 first, then RSA; each is made if there is none. Blocks (for RSA up to a second).

    Raises `Misconfigured` for a key that others can read, that is damaged or that cannot be
    written; a key that is there is never replaced.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (folder / name for name in _NAMES):
            if not path.exists() and not path.is_symlink():
                _make(path)
        return read_host_keys(folder)
    except OSError as error:
        raise Misconfigured(
            f"The SSH host keys in {folder} cannot be opened: {error.strerror}"
        ) from error


def read_host_keys(folder: Path) -> tuple[HostKey, ...]:
    """Those that are there. Raises as `open_host_keys`, and `OSError`."""
    paths = [folder / name for name in _NAMES]
    return tuple(_opened(path) for path in paths if path.exists() or path.is_symlink())


def _opened(path: Path) -> HostKey:
    if path.is_symlink() or not path.is_file():
        raise _wrong(path, "is not a plain file", "look at")
    status = path.stat()
    if status.st_mode & 0o077:
        raise _wrong(path, "can be read by others", "chmod 600")
    if os.geteuid() not in (0, status.st_uid):
        raise _wrong(path, "belongs to another user", "chown")
    kind = paramiko.RSAKey if path.name == _NAMES[1] else paramiko.Ed25519Key
    try:
        key = kind.from_private_key_file(str(path))
    except (paramiko.SSHException, ValueError, IndexError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The SSH host key {path} is damaged: {error}",
            hint="Put it back from a backup, or remove it: a new one is made then, and everybody "
            "who has connected before is warned that the host has changed.",
        ) from error
    blob = key.asbytes()
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    line = f"{key.get_name()} {base64.b64encode(blob).decode()}"
    return HostKey(key, f"SHA256:{digest}", line)


def _make(path: Path) -> None:
    made: _PrivateKey
    if path.name == _NAMES[1]:
        made = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    else:
        made = ed25519.Ed25519PrivateKey.generate()
    text = made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)  # of a start that was cut short
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_folder(path.parent)


def _wrong(path: Path, what: str, remedy: str) -> Misconfigured:
    return Misconfigured(f"{path} {what}; it is a key of this server.", hint=f"{remedy} {path}")
