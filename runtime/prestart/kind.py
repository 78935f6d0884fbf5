"""Which waiting process fits which app: pure.

A waiting container is the app's own container without what is the Space's: the variables and
secrets, the code, the labels. Everything else cannot be changed later (mounts, sizes of temporary
folders, threads of numerical libraries), so that it must be equal to the last byte; its digest is
the kind. What fits runs as a plain start would, or not at all from here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from runtime.container_spec import Inputs, container_spec, platform_environment, with_mounts
from runtime.storage.needs import Needs
from spaceport.artifact import PRESTART_VARIABLE
from spaceport.engine import LABEL_INSTANCE, LABEL_WAITING, ContainerSpec, Mount

PORT = 47860
"""Where a process waits for its order, in a network namespace of its own."""

READ_OUT_OF_SIGHT = (
    *("LD_", "MALLOC_", "GLIBC_", "PYTHON", "LC_", "LANG", "TZ", "OPENSSL_", "SSL_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "NUMEXPR_", "VECLIB_"),
    *("CUDA_", "NVIDIA_", "TORCH_", "TF_", "FSSPEC_", "TQDM_"),
)
"""Variables that are read at a start or an import by others than Python's own `os.environ`, or by
going through all of them, so that the process cannot note it."""


@dataclass(frozen=True)
class Kind:
    """`spec` lacks a name and the source of the code; its environment holds nothing of a Space."""

    name: str
    spec: ContainerSpec
    code: str  # the target of the mount that is filled later
    scratch: tuple[int, str] | None = None  # bytes of its disk, and the home that is on it


def kind_of(inputs: Inputs, needs: Needs) -> Kind | None:
    """What would have to wait for this release; None when its app can only start anew: with storage
    or a device. A disk for what it writes waits with it, and so does the folder of its secrets."""
    waits = inputs.release.artifact.prestart
    if waits is None or needs.disks or needs.shares or inputs.placement.gpus:
        return None
    spec = container_spec(replace(inputs, secret_files=()))
    scratch = None if needs.scratch is None else (needs.scratch.size, needs.scratch.home)
    fixed = tuple(mount for mount in spec.mounts if mount.target != waits.code)
    if len(fixed) != len(spec.mounts) - 1 or not all(mount.read_only for mount in spec.mounts):
        return None
    bare = replace(
        spec,
        name="",
        command=waits.command,
        env=platform_environment(inputs),
        mounts=fixed,
        labels={LABEL_INSTANCE: inputs.instance},
    )
    text = json.dumps([asdict(bare), scratch], sort_keys=True, default=str)
    return Kind(hashlib.sha256(text.encode()).hexdigest()[:32], bare, waits.code, scratch)


def waiting_spec(
    kind: Kind, number: str, key: str, code: Path, more: Sequence[Mount] = ()
) -> ContainerSpec:
    """The container that waits; `number` names it, `key` is known to who may give the order, and
    `code` is the empty folder that is filled with the app later. `more`: its disk, and the empty
    folder of its secrets."""
    return replace(
        with_mounts(kind.spec, more),
        name=f"spaceport-waiting-{number}",
        env={**kind.spec.env, PRESTART_VARIABLE: f"{PORT}:{key}"},
        mounts=(*kind.spec.mounts, Mount(code, kind.code), *more),
        labels={**kind.spec.labels, LABEL_WAITING: label(kind.name, number)},
    )


def label(kind: str, number: str) -> str:
    return f"{kind}.{number}"


def from_label(value: str) -> tuple[str, str]:
    """The kind and the number of a container that waits, or did before it became an app."""
    kind, _, number = value.partition(".")
    return kind, number


def fits(read: Iterable[str], imported_with: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether importing with `wanted` would have had the same result: no variable that was `read`,
    or may have been, has another value now."""
    names = {name for name in {*imported_with, *wanted} if _is_read_out_of_sight(name)}
    return all(imported_with.get(name) == wanted.get(name) for name in {*read, *names})


def _is_read_out_of_sight(name: str) -> bool:
    return name.startswith(READ_OUT_OF_SIGHT) or name.lower().endswith("_proxy")
