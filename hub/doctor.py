"""`spaceport doctor`: is everything as it must be, and if not, how to mend it.

Each check is a small function that gives `Finding`s; none of them changes anything that stays.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from config.address import HostPort
from config.catalogue import Catalogue
from config.settings import Settings
from gitserver.ssh.hostkeys import read_host_keys
from hub.ssh import key_folder
from runtime.engine.choose import choose
from spaceport.errors import SpaceportError
from spaceport.ledger import Ledger, events

ANSWER_SECONDS = 2.0
LOW_DISK = 5 * 1024**3  # bytes; one environment with a large framework takes about as much


class Verdict(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, how it is, and what to do about it."""

    subject: str
    verdict: Verdict
    text: str
    hint: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def examine(settings: Settings, checks: Sequence[Check] = ()) -> list[Finding]:
    """Run every check; one that breaks is itself a finding."""
    findings: list[Finding] = []
    for check in checks or CHECKS:
        try:
            findings.extend(check(settings))
        except SpaceportError as error:
            findings.append(Finding(check.__name__, Verdict.BAD, str(error), error.hint))
        except OSError as error:
            findings.append(Finding(check.__name__, Verdict.BAD, str(error)))
    return findings


def catalogue(settings: Settings) -> Iterator[Finding]:
    loaded = Catalogue.load(settings.catalogue)
    text = f"{len(loaded.flavors)} flavours, {len(loaded.storage)} storage tiers"
    yield Finding("catalogue", Verdict.GOOD, text)


def data(settings: Settings) -> Iterator[Finding]:
    folder = settings.data
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        hint = f"Run: sudo chown {os.getuid()} {existing}"
        yield Finding("data", Verdict.BAD, f"{existing} cannot be written.", hint)
        return
    free = shutil.disk_usage(existing).free
    text = f"{folder}, {free / 1024**3:.1f} GiB free"
    if free < LOW_DISK:
        hint = "Free some space, or choose another folder with --data; 'spaceport gc' helps."
        yield Finding("data", Verdict.WARNING, text, hint)
    else:
        yield Finding("data", Verdict.GOOD, text)
    keys = folder / "keys"
    if keys.exists() and keys.stat().st_mode & 0o077:
        yield Finding("data", Verdict.BAD, f"{keys} can be read by others.", f"chmod 700 {keys}")


def ledger(settings: Settings) -> Iterator[Finding]:
    if not settings.database and not (settings.data / "ledger.sqlite3").exists():
        yield Finding("ledger", Verdict.GOOD, "none yet; it is made at the first start")
        return
    opened = Ledger(settings.database_url, migrate=False)
    try:
        with opened.read() as tx:
            letters = events.buried(tx)
        shown = opened.url.render_as_string(hide_password=True)
    finally:
        opened.close()
    yield Finding("ledger", Verdict.GOOD, shown)
    for letter in letters[-5:]:
        text = f"{letter['follower']} gave up on Space {letter['space_key']}: {letter['error']}"
        yield Finding("ledger", Verdict.WARNING, text, "The server's log has the whole story.")


def engine(settings: Settings) -> Iterator[Finding]:
    info = choose(settings.engine.kind, settings.engine, settings.data, "doctor").probe()
    text = f"{info.name} {info.version}, {info.cpus} CPUs, {info.memory / 1024**3:.1f} GiB"
    if info.cgroup_version:
        text += f", cgroup v{info.cgroup_version}"
    text += ", unused apps go to swap" if info.can_reclaim else ", no swap for unused apps"
    yield Finding("engine", Verdict.GOOD, text)
    for warning in info.warnings:
        yield Finding("engine", Verdict.WARNING, warning)
    if not info.can_build_images:
        hint = "Install Docker Engine: https://docs.docker.com/engine/install/"
        yield Finding("engine", Verdict.WARNING, "Docker Spaces cannot be built here.", hint)


def ports(settings: Settings) -> Iterator[Finding]:
    yield _port("http", settings.http)
    if settings.ssh is None:
        yield Finding("ports", Verdict.GOOD, "git over SSH is switched off")
    elif _ours(settings.ssh):
        yield Finding("ports", Verdict.GOOD, f"git over SSH answers at {settings.ssh}")
    else:
        yield _port("ssh", settings.ssh)


def _ours(address: HostPort) -> bool:
    """Whether a Spaceport greets there as SSH servers do, with its name first."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104
    try:
        with socket.create_connection((host, address.port), timeout=ANSWER_SECONDS) as probe:
            probe.settimeout(ANSWER_SECONDS)
            return probe.recv(64).startswith(b"SSH-2.0-spaceport")
    except OSError:
        return False


def host_keys(settings: Settings) -> Iterator[Finding]:
    """The fingerprints that clients are asked about; a key that is not right is the finding."""
    if settings.ssh is None:
        return
    found = read_host_keys(key_folder(settings))
    if not found:
        yield Finding("host keys", Verdict.GOOD, "none yet; they are made at the first start")
    for key in found:
        yield Finding("host keys", Verdict.GOOD, f"{key.key.get_name()} {key.fingerprint}")


def _port(name: str, address: HostPort) -> Finding:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            hint = f"Fine if that is Spaceport itself; else choose another with --{name} HOST:PORT."
            return Finding("ports", Verdict.WARNING, f"{name} {address}: {error.strerror}", hint)
    return Finding("ports", Verdict.GOOD, f"{name} {address} is free")


def domain(settings: Settings) -> Iterator[Finding]:
    """Every name below the apps' domain must lead here."""
    probe = f"spaceport-doctor.{settings.domain}"
    try:
        found = sorted({str(entry[4][0]) for entry in socket.getaddrinfo(probe, None)})
    except OSError:
        if settings.domain.endswith("localhost"):
            text = f"{probe} does not resolve here; browsers resolve it by themselves."
            hint = "For other programs too: apt install libnss-myhostname (Debian, Ubuntu)."
            yield Finding("domain", Verdict.WARNING, text, hint)
        else:
            hint = f"Add a DNS record: *.{settings.domain} A <address of this machine>"
            yield Finding("domain", Verdict.BAD, f"{probe} does not resolve.", hint)
        return
    yield Finding("domain", Verdict.GOOD, f"*.{settings.domain} leads to {', '.join(found)}")


CHECKS: tuple[Check, ...] = (catalogue, data, ledger, engine, ports, host_keys, domain)


def effective(settings: Settings) -> list[tuple[str, str]]:
    """Every setting with its present value, dotted; what looks like a secret is not shown."""
    return [(path, _shown(path, value)) for path, value in _flat(settings.model_dump(mode="json"))]


def _flat(values: dict[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{path}.")
        else:
            yield path, value


def _shown(path: str, value: object) -> str:
    last = path.rsplit(".", 1)[-1]
    if value and any(word in last for word in ("secret", "password", "token")):
        return "[redacted]"
    if last == "database" and isinstance(value, str) and "@" in value:
        return f"{value.split('://', 1)[0]}://[redacted]@{value.rsplit('@', 1)[1]}"
    return str(Path(value)) if isinstance(value, Path) else str(value)
