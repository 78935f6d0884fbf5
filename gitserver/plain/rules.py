"""What a repository's configuration asks for, as rules: pure, over settings that were read.

The names and defaults are git's (git-config(1)); where git refuses, so do we.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from config.git import FetchLimits
from gitserver.plain.config import BadConfig, GitConfig
from gitserver.receive.request import CAPABILITIES
from gitserver.receive.rules import ERROR, IGNORE, WARN, FsckRules, ReceiveRules
from gitserver.upload.policy import EVERY_REF, RefPolicy, WantRule
from gitserver.upload.rules import UploadRules

LIMITS = FetchLimits(
    request_bytes=10 << 20,  # git's http.maxRequestBuffer
    haves=1_000_000,
    wants=1_000_000,
)
_LEVELS = {"ignore": IGNORE, "warn": WARN, "error": ERROR}
_MILD = {"badfilemode": WARN, "gitmodulesparse": WARN}
"""What git only remarks upon, even when it is strict."""

_MOST_SKIPPED = 1_000_000

REFUSE, WARNING, ALLOW, UPDATE = "refuse", "warn", "ignore", "updateinstead"
_UNSET = "unset"


@dataclass(frozen=True)
class Checks:
    """What is asked of each ref when it moves: `receive.deny*`."""

    force: bool = False
    deletes: bool = False
    current: str = _UNSET
    """`REFUSE`, `WARNING`, `ALLOW`, `UPDATE`, or "unset", which refuses and explains."""

    delete_current: str = _UNSET
    log_refs: str = ""
    """`core.logAllRefUpdates`: "always", "true", "false"."""

    tree: Path | None = None
    """The working tree; None for a bare repository."""

    proc_receive: tuple[str, ...] = ()
    """Refs that a proc-receive hook is to handle, which we do not run."""

    shared: int | None = None
    """`core.sharedRepository`: the bits that files get besides their own; negative: exactly."""

    pack_limit: int = 50
    """Packs from which on small ones are joined; 0 for never (gc.autoPackLimit)."""


@dataclass(frozen=True)
class PlainRules:
    """All that one request needs to know of a repository."""

    upload: UploadRules
    receive: ReceiveRules
    checks: Checks
    may_read: bool = True
    may_write: bool = False
    hooks: Path = field(default_factory=Path)


def rules_of(config: GitConfig, git_dir: Path, common: Path) -> PlainRules:
    """Raises `BadConfig` for values that git would die of."""
    _check_format(config)
    return PlainRules(
        upload=_upload(config),
        receive=_receive(config),
        checks=_checks(config, common),
        may_read=config.flag("http.uploadpack", True),
        may_write=config.flag("http.receivepack", False),
        hooks=_hooks_folder(config, git_dir, common),
    )


def _check_format(config: GitConfig) -> None:
    version = config.number("core.repositoryformatversion", 0)
    if version > 1:
        raise BadConfig(f"expected repository format version <= 1, found {version}")
    if version == 1:
        form = config.text("extensions.objectformat", "sha1")
        if form != "sha1":
            raise BadConfig(f"repositories of object format {form} are not served")
        store = config.text("extensions.refstorage", "files")
        if store != "files":
            raise BadConfig(f"repositories with refs stored as {store} are not served")


def _hidden(config: GitConfig, section: str) -> tuple[str, ...]:
    values = config.all("transfer.hiderefs", f"{section}.hiderefs")
    return tuple(value.rstrip("/") for _, value in values if value)


def _upload(config: GitConfig) -> UploadRules:
    tip = config.flag("uploadpack.allowtipsha1inwant", False)
    reachable = config.flag("uploadpack.allowreachablesha1inwant", False)
    anything = config.flag("uploadpack.allowanysha1inwant", False)
    offers = [
        word
        for word, offered in (
            ("allow-tip-sha1-in-want", tip or anything),
            ("allow-reachable-sha1-in-want", reachable or anything),
        )
        if offered
    ]
    kinds, depth = _filter_kinds(config)
    return UploadRules(
        refs=RefPolicy(EVERY_REF.shown, _hidden(config, "uploadpack"), head_always=True),
        # Over HTTP git lets go of what the refs reach in any case, since they may have moved
        # between two requests of one fetch.
        wants=WantRule.ANY if anything else WantRule.REACHABLE,
        wants_v2=WantRule.ANY,
        hidden_wants=tip or reachable,
        offers=tuple(offers),
        filters=config.flag("uploadpack.allowfilter", False),
        filter_kinds=kinds,
        tree_depth=depth,
        ref_in_want=config.flag("uploadpack.allowrefinwant", False),
        sideband_all=config.flag("uploadpack.allowsidebandall", False),
        object_info=config.flag("transfer.advertiseobjectinfo", True),
        unborn=_word(config, "lsrefs.unborn", ("advertise", "allow", "ignore")),
        limits=LIMITS,
    )


def _filter_kinds(config: GitConfig) -> tuple[tuple[tuple[str, bool], ...], int | None]:
    found = {"": config.flag("uploadpackfilter.allow", True)}
    below = config.below("uploadpackfilter")
    for name in below:
        kind, dot, key = name.rpartition(".")
        if dot and key == "allow":
            found[kind] = config.flag(f"uploadpackfilter.{kind}.allow", True)
    depth = "uploadpackfilter.tree.maxdepth"
    return tuple(sorted(found.items())), config.number(depth, 0) if config.has(depth) else None


def _receive(config: GitConfig) -> ReceiveRules:
    atomic = config.flag("receive.advertiseatomic", True)
    options = config.flag("receive.advertisepushoptions", False)
    offset = config.flag("repack.usedeltabaseoffset", True)
    left_out = {
        word
        for word, offered in (("atomic", atomic), ("push-options", options), ("ofs-delta", offset))
        if not offered
    }
    return ReceiveRules(
        pulls=False,  # refs like any other
        refs=RefPolicy(("refs/",), _hidden(config, "receive")),
        plain_names=False,
        tags_to_commits=False,
        delete_absent=True,
        fsck=_fsck(config),
        capabilities=tuple(word for word in CAPABILITIES if word not in left_out),
        pack_bytes=max(0, config.number("receive.maxinputsize", 0)),
    )


def _fsck(config: GitConfig) -> FsckRules:
    default = config.flag("transfer.fsckobjects", False)
    if not config.flag("receive.fsckobjects", default):
        return FsckRules(on=False)
    levels = dict(_MILD)
    skip: frozenset[str] = frozenset()
    for name, value in config.below("receive.fsck").items():
        if name == "skiplist":
            skip = _skip_list(value or "")
        elif (value or "").lower() not in _LEVELS:
            raise BadConfig(f"Unknown fsck message type: '{value}'")
        else:
            levels[name] = _LEVELS[(value or "").lower()]
    return FsckRules(levels=levels, skip=skip)


def _skip_list(path: str) -> frozenset[str]:
    try:
        with Path(os.path.expanduser(path)).open() as file:  # noqa: PTH111
            lines = [line.partition("#")[0].strip() for line in islice(file, _MOST_SKIPPED)]
    except (OSError, UnicodeDecodeError):
        raise BadConfig(f"could not open object name list: {path}") from None
    return frozenset(line.lower() for line in lines if line)


def _checks(config: GitConfig, common: Path) -> Checks:
    joins = config.flag("receive.autogc", True) and config.number("gc.auto", 6700) > 0
    return Checks(
        force=config.flag("receive.denynonfastforwards", False),
        deletes=config.flag("receive.denydeletes", False),
        current=_deny(config, "receive.denycurrentbranch"),
        delete_current=_deny(config, "receive.denydeletecurrent"),
        log_refs=_log_refs(config),
        tree=_tree(config, common),
        proc_receive=tuple(
            (value or "").rpartition(":")[2].lstrip("!")
            for _, value in config.all("receive.procreceiverefs")
        ),
        shared=_shared(config),
        pack_limit=max(0, config.number("gc.autopacklimit", 50)) if joins else 0,
    )


def _tree(config: GitConfig, common: Path) -> Path | None:
    elsewhere = config.text("core.worktree")
    if elsewhere:
        return (common / elsewhere).resolve()
    bare = config.flag("core.bare", common.name != ".git")
    return None if bare else common.parent


def _deny(config: GitConfig, name: str) -> str:
    if not config.has(name):
        return _UNSET
    value = config.text(name).lower()
    if value in (WARNING, ALLOW, REFUSE, UPDATE):
        return value
    return REFUSE if config.flag(name, True) else ALLOW


def _log_refs(config: GitConfig) -> str:
    name = "core.logallrefupdates"
    if not config.has(name):
        return ""
    if config.text(name).lower() == "always":
        return "always"
    return "true" if config.flag(name, True) else "false"


def _shared(config: GitConfig) -> int | None:
    name = "core.sharedrepository"
    value = config.text(name).lower()
    if not config.has(name) or value == "umask":
        return None
    if value in ("group", ""):
        return 0o660
    if value in ("all", "world", "everybody"):
        return 0o664
    if value.isdigit() and value not in ("0", "1", "2"):
        mode = int(value, 8) if all(digit < "8" for digit in value) else 0
        if mode & 0o600 != 0o600:
            raise BadConfig(f"problem with core.sharedRepository filemode value ({value})")
        return -(mode & 0o666)
    if value == "2":
        return 0o664
    return 0o660 if config.flag(name, False) else None


def _hooks_folder(config: GitConfig, git_dir: Path, common: Path) -> Path:
    """`core.hooksPath`, relative to where hooks run (the repository's own folder)."""
    path = config.text("core.hookspath")
    if not path:
        return common / "hooks"
    return git_dir / os.path.expanduser(path)  # noqa: PTH111


def _word(config: GitConfig, name: str, words: tuple[str, ...]) -> str:
    value = config.text(name, words[0]).lower()
    if value not in words:
        raise BadConfig(f"invalid value for {name}: '{value}'")
    return value
