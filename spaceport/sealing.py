"""Secrets at rest: sealed with AES-256-GCM under a key that lives outside the database.

A sealed value is `version byte | key id (4 bytes) | nonce (12) | ciphertext and tag`. Its place
(table, owner, name, version) is authenticated with it, so that a value moved to another row, Space
or name, or an older version put back, is refused instead of read (security contract KEY-01, -02).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from spaceport.errors import Misconfigured

FORMAT = b"\x01"
KEY_BYTES = 32
NONCE_BYTES = 12
_ID_BYTES = 4
HEAD_BYTES = len(FORMAT) + _ID_BYTES
_PREFIX, _SUFFIX = "sealing-", ".key"


@dataclass(frozen=True)
class Place:
    """Where a sealed value belongs; it opens nowhere else."""

    table: str
    owner_id: str
    name: str
    version: int = 1

    def encode(self) -> bytes:
        """Unambiguous: each part is preceded by its length."""
        parts = [part.encode() for part in (self.table, self.owner_id, self.name)]
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts) + (
            self.version.to_bytes(8, "big")
        )


class Unsealable(Misconfigured):
    """Raised when a sealed value does not open at its place, or its key is not here."""


class Keyring:
    """The sealing keys of one installation: one that seals, older ones that still open.

    Thread-safe. The key files are `sealing-<id>.key` in one folder, mode 0600, 32 bytes in base64.
    """

    def __init__(self, folder: Path, keys: dict[str, bytes], current: str) -> None:
        self._folder = folder
        self._keys = {name: AESGCM(key) for name, key in keys.items()}
        self.current = current

    def __repr__(self) -> str:
        return f"Keyring({self.current})"

    @classmethod
    def load(cls, folder: Path, current: str | None = None) -> Keyring | None:
        """Read every key; None when there is none. `current` names the one that seals.

        Raises `Misconfigured` for a file that others could read, that is damaged, or when the
        current one is missing or cannot be told.
        """
        keys = _read_all(folder)
        if not keys and current is None:
            return None
        if current is None and len(keys) == 1:
            current = next(iter(keys))
        if current not in keys:
            raise Misconfigured(
                f"The sealing key {current or ''} is missing in {folder}.".replace("  ", " "),
                hint="Put the key file back from where you keep it; without it the secrets of the "
                "Spaces cannot be read. Nothing was changed.",
            )
        return cls(folder, keys, current)

    @classmethod
    def load_or_create(cls, folder: Path) -> Keyring:
        """For a folder on its own.

        A server uses `spaceport.ledger.keyring.open_keyring`, which also makes sure that the key is
        the one that the ledger was sealed with.
        """
        found = cls.load(folder)
        if found is not None:
            return found
        name = write_new_key(folder)
        return cls(folder, _read_all(folder), name)

    @property
    def folder(self) -> Path:
        return self._folder

    def ids_on_disk(self) -> frozenset[str]:
        """The ids of every key there is a file for, read now."""
        self._reload()
        return frozenset(self._keys)

    def use(self, current: str) -> None:
        """Seal with `current` from now on; reads the folder again when that key is not known."""
        if current not in self._keys:
            self._reload()
        if current not in self._keys:
            raise Misconfigured(
                f"The sealing key {current} is missing in {self._folder}.",
                hint="Put the key file back from where you keep it.",
            )
        self.current = current

    def seal(self, value: bytes, place: Place) -> bytes:
        current = self.current
        head = sealed_head(current)
        nonce = os.urandom(NONCE_BYTES)
        return head + nonce + self._keys[current].encrypt(nonce, value, head + place.encode())

    def open(self, sealed: bytes, place: Place) -> bytes:
        """Raises `Unsealable` when it was not sealed at this very place, or was changed."""
        if sealed[:1] != FORMAT or len(sealed) < HEAD_BYTES + NONCE_BYTES:
            raise Unsealable(f"The sealed value {_told(place)} is damaged.")
        name = key_id(sealed)
        if name not in self._keys:
            self._reload()
        if name not in self._keys:
            raise Unsealable(
                f"The sealed value {_told(place)} needs the key {name}, which is not in "
                f"{self._folder}.",
                hint="Put the key file back from where you keep it.",
            )
        head, nonce = sealed[:HEAD_BYTES], sealed[HEAD_BYTES : HEAD_BYTES + NONCE_BYTES]
        body = sealed[HEAD_BYTES + NONCE_BYTES :]
        try:
            return self._keys[name].decrypt(nonce, body, head + place.encode())
        except InvalidTag as error:
            raise Unsealable(
                f"The sealed value {_told(place)} was changed, or belongs somewhere else."
            ) from error

    def forget(self, name: str) -> None:
        """Remove a key for good, file and all."""
        if name == self.current:
            raise ValueError("the current key is not forgotten")
        self._keys = {known: key for known, key in self._keys.items() if known != name}
        key_file(self._folder, name).unlink(missing_ok=True)
        _sync_folder(self._folder)

    def _reload(self) -> None:
        self._keys = {name: AESGCM(key) for name, key in _read_all(self._folder).items()}


def sealed_head(name: str) -> bytes:
    """How every value begins that is sealed with the key of that id; `HEAD_BYTES` long."""
    return FORMAT + bytes.fromhex(name)


def key_id(sealed: bytes) -> str:
    """The id of the key that a value is sealed with."""
    return sealed[len(FORMAT) : HEAD_BYTES].hex()


def key_file(folder: Path, name: str) -> Path:
    return folder / f"{_PREFIX}{name}{_SUFFIX}"


def write_new_key(folder: Path) -> str:
    """Make a key that is on disk, readable by us alone from its first moment; return its id."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(KEY_BYTES)
    name = _id_of(key)
    target = key_file(folder, name)
    draft = target.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(key) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    draft.rename(target)
    _sync_folder(folder)
    return name


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"spaceport sealing key" + key).digest()[:_ID_BYTES].hex()


def _read_all(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    _refuse_if(folder.stat().st_mode & 0o022, folder, "can be written by others", "chmod 700")
    found: dict[str, bytes] = {}
    for path in sorted(folder.glob(f"{_PREFIX}*{_SUFFIX}")):
        found[path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)] = _read(path)
    return found


def _read(path: Path) -> bytes:
    _refuse_if(path.is_symlink() or not path.is_file(), path, "is not a plain file", "inspect")
    status = path.stat()
    _refuse_if(status.st_mode & 0o077, path, "can be read by others", "chmod 600")
    foreign = os.geteuid() not in (0, status.st_uid)
    _refuse_if(foreign, path, "belongs to another user", "chown")
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except (OSError, binascii.Error) as error:
        raise Misconfigured(f"The sealing key {path} cannot be read: {error}") from error
    name = path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX)
    if len(key) != KEY_BYTES or _id_of(key) != name:
        raise Misconfigured(
            f"The sealing key {path} is damaged: its content does not belong to its name.",
            hint="Put the key file back from where you keep it. Nothing was changed.",
        )
    return key


def _refuse_if(wrong: object, path: Path, what: str, remedy: str) -> None:
    if wrong:
        raise Misconfigured(f"{path} {what}; it holds keys.", hint=f"Mend it: {remedy} {path}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(place: Place) -> str:
    return f"{place.name!r} of {place.table}/{place.owner_id}"
