"""A `ContainerSpec` as what the keeper launches: bubblewrap's options, or a plain process. Pure."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.engine.weights import APP_OOM_SCORE, LOW_OOM_SCORE
from spaceport.engine import ContainerSpec, Mount

STAGE = "/mnt"
"""Where root's keeper gathers what is bound into the sandbox; seen by nobody else."""
PROGRAMS = "bin"
"""The folder that stands for the image's /usr/local/bin where there is no sandbox."""
_OWN_TOP = ("dev", "proc", "sys", "tmp", "run", "mnt", "home", "root")
_MASKED = ("/proc/keys", "/proc/timer_list", "/proc/kcore", "/proc/sysrq-trigger")
_DEFAULT_SHM = 64 * 1024**2
_DEFAULT_TMP = 64 * 1024**2
_LOW_NICE = 10


@dataclass(frozen=True)
class Tools:
    """What this machine has; asked once by `process_probe`."""

    bwrap: str = ""
    can_size: bool = False  # bubblewrap 0.7: sizes of tmpfs
    seccomp: bytes = b""
    root: bool = False


@dataclass(frozen=True)
class Place:
    """Where one container lives on the host, and as whom."""

    folder: Path
    tree: Path  # the image's files
    tree_env: Mapping[str, str]
    resolv_conf: Path | None
    uid: int | None  # None: whoever runs Spaceport
    groups: Sequence[str] = ()
    memory_events: str | None = None
    log_size: int = 10 * 1024**2
    nofile: int = 16384
    shared_network: bool = False


def launch(spec: ContainerSpec, place: Place, tools: Tools) -> dict[str, Any]:
    """What the keeper reads (see `process_keeper.py`). Holds secrets: never written to a file."""
    common: dict[str, Any] = {
        "groups": list(place.groups),
        "memory_events": place.memory_events,
        "rlimits": _rlimits(spec, place),
        "oom_score_adj": LOW_OOM_SCORE if spec.low_priority else APP_OOM_SCORE,
        "nice": _LOW_NICE if spec.low_priority else 0,
        "log_size": place.log_size,
        "uid": place.uid,
        "stage": STAGE,
    }
    if not tools.bwrap:
        command, env, cwd = plain(spec, place)
        return {**common, "sandbox": None, "seccomp": "", "staged": [], "cwd": cwd} | {
            "command": command,
            "env": env,
        }
    sources = Sources(staged=tools.root)
    options = sandbox(spec, place, tools, sources)
    return {
        **common,
        "sandbox": options,
        "seccomp": base64.b64encode(tools.seccomp).decode(),
        "staged": sources.listed if tools.root else [],
        "command": [tools.bwrap, *(spec.command or ("sh",))],
        "env": {"PATH": "/usr/bin:/bin"},
        "cwd": "/",
    }


class Sources:
    """Host paths to bind, under the name by which bubblewrap can reach them."""

    def __init__(self, staged: bool) -> None:
        self._staged = staged
        self.listed: list[str] = []

    def __call__(self, path: Path) -> str:
        if not self._staged:
            return str(path)
        self.listed.append(str(path))
        return f"{STAGE}/{len(self.listed) - 1}"


def sandbox(spec: ContainerSpec, place: Place, tools: Tools, source: Sources) -> list[str]:
    """The options of bubblewrap, in the order in which it applies them."""
    uid, _, gid = (spec.user or "1000:1000").partition(":")
    options = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts"]
    options += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv"]
    options += ["--uid", uid, "--gid", gid or uid, "--hostname", "spaceport", "--cap-drop", "ALL"]
    options += _tree(spec, place.tree, source)
    options += ["--proc", "/proc", "--dev", "/dev"]
    for masked in _MASKED:
        if Path(masked).exists():
            options += ["--ro-bind", source(Path(os.devnull)), masked]
    options += _tmpfs("/dev/shm", spec.limits.shm or _DEFAULT_SHM, 0o1777, tools)  # noqa: S108
    for folder in ("/tmp", "/run", "/home/user", "/root"):  # noqa: S108
        if folder not in {mount.target for mount in spec.tmpfs}:
            options += _tmpfs(folder, _DEFAULT_TMP, 0o1777, tools)
    for tmpfs in spec.tmpfs:
        options += _tmpfs(tmpfs.target, tmpfs.size, tmpfs.mode, tools)
    if place.resolv_conf is not None:
        options += ["--ro-bind", source(place.resolv_conf), "/etc/resolv.conf"]
    for mount in spec.mounts:
        kind = "--ro-bind" if mount.read_only else "--bind"
        options += [kind, source(mount.source), mount.target]
    if spec.read_only_root:
        options += ["--remount-ro", "/"]
    for name, value in {**_defaults(spec), **place.tree_env, **spec.env}.items():
        options += ["--setenv", name, value]
    return [*options, "--chdir", spec.working_dir or "/"]


def _defaults(spec: ContainerSpec) -> dict[str, str]:
    root = (spec.user or "").split(":")[0] == "0"
    return {"HOME": "/root" if root else "/home/user", "HOSTNAME": "spaceport"}


def _tree(spec: ContainerSpec, tree: Path, source: Sources) -> list[str]:
    """The image's top-level entries, read-only; what every container has of its own is left out."""
    wanted = [mount.target for mount in spec.mounts] + [mount.target for mount in spec.tmpfs]
    options = []
    for entry in sorted(tree.iterdir()):
        if entry.name not in _OWN_TOP:
            options += _entry(entry, f"/{entry.name}", wanted, source)
    return options


def _entry(entry: Path, target: str, wanted: Sequence[str], source: Sources) -> list[str]:
    """One file or folder; a folder that lacks a wanted mount point is made anew from its entries,

    because nothing can be made in one that is bound read-only.
    """
    if entry.is_symlink():
        return ["--symlink", str(entry.readlink()), target]
    lacking = [
        place
        for place in wanted
        if place.startswith(f"{target}/") and not (entry / place[len(target) + 1 :]).exists()
    ]
    if not lacking:
        return ["--ro-bind", source(entry), target]
    options = ["--dir", target]
    for inner in sorted(entry.iterdir()):
        options += _entry(inner, f"{target}/{inner.name}", wanted, source)
    return options


def _tmpfs(target: str, size: int, mode: int, tools: Tools) -> list[str]:
    sized = ["--size", str(size)] if tools.can_size else []
    return ["--perms", f"{mode:04o}", *sized, "--tmpfs", target]


def _rlimits(spec: ContainerSpec, place: Place) -> dict[str, int]:
    found = {"RLIMIT_NOFILE": spec.limits.nofile or place.nofile, "RLIMIT_CORE": 0}
    if not place.groups and spec.limits.memory is not None:
        # Each process by itself, and without what it shares: the best there is without groups.
        found["RLIMIT_DATA"] = spec.limits.memory
    return found


def plain(spec: ContainerSpec, place: Place) -> tuple[list[str], dict[str, str], str]:
    """Command, environment and folder without any sandbox: paths of mounts become the host's."""
    scratch = [Mount(place.folder / "tmpfs" / _flat(one.target), one.target) for one in spec.tmpfs]
    scratch.append(Mount(place.folder / PROGRAMS, "/usr/local/bin"))
    mounts = sorted((*spec.mounts, *scratch), key=lambda mount: -len(mount.target))

    def here(text: str) -> str:
        return _translated(text, mounts)

    env = {**place.tree_env, **spec.env}
    found = {name: here(value) for name, value in env.items()}
    found.setdefault("HOME", str(place.folder))
    command = [here(word) for word in spec.command or ("sh",)]
    return command, found, here(spec.working_dir) if spec.working_dir else str(place.folder)


def make_plain_folders(spec: ContainerSpec, folder: Path, python: Path) -> None:
    """What stands for the tmpfs and the Python of the image where there is no sandbox."""
    for one in spec.tmpfs:
        (folder / "tmpfs" / _flat(one.target)).mkdir(parents=True, exist_ok=True)
    (folder / PROGRAMS).mkdir()
    for name in ("python", "python3"):
        (folder / PROGRAMS / name).symlink_to(python)


def _flat(target: str) -> str:
    return target.strip("/").replace("/", "-") or "root"


def _translated(text: str, mounts: Sequence[Mount]) -> str:
    """Every mention of a mount's place in the container, as a whole path, becomes the host's."""
    if not mounts:
        return text
    places = {mount.target.rstrip("/"): str(mount.source) for mount in mounts}
    pattern = "|".join(re.escape(target) for target in places)
    return re.sub(rf"(?<![\w./-])({pattern})(?![\w.-])", lambda found: places[found.group(1)], text)
