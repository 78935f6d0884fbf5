"""From a release to the container that runs it, exactly; pure.

The environment is that of spaces-behaviour 9 and 3.1.9: nothing of Spaceport's own environment
reaches an app (RUN-04).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from config.catalogue import Flavor
from config.runtime import ContainerSettings
from runtime.placement import Placement
from spaceport.artifact import SECRET_NAMES, SECRETS_FILE, Artifact
from spaceport.card import Card
from spaceport.egress import DEFAULT_EGRESS, Egress, Preset
from spaceport.engine import (
    LABEL_BUILD,
    LABEL_INSTANCE,
    LABEL_REPLICA,
    LABEL_SPACE,
    ContainerSpec,
    Limits,
    Mount,
    Network,
    Tmpfs,
)
from spaceport.ledger.releases import Release
from spaceport.ledger.spaces import Space
from spaceport.names import title_of
from spaceport.sdk import Sdk

APP_USER = "1000:1000"
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""Inside a container `os.cpu_count()` is the host's; these libraries would start that many."""


NETWORKS = {
    Preset.DEFAULT: Network.APP,
    Preset.ALLOW_LIST: Network.CHOSEN,
    Preset.INDEX_ONLY: Network.NONE,
    Preset.NONE: Network.NONE,
}
"""What the app of each network policy is connected to; the proxy reaches it in any case."""


@dataclass(frozen=True)
class Inputs:
    """Everything that a container depends on."""

    space: Space
    release: Release
    flavor: Flavor
    placement: Placement
    replica_id: str
    instance: str
    data: Path
    host: str  # the app's public host, without a scheme
    hub_url: str
    settings: ContainerSettings = field(default_factory=ContainerSettings)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    egress: Egress = DEFAULT_EGRESS
    secret_files: tuple[Mount, ...] = ()  # the same as files, see `runtime.secret_files`


def container_spec(inputs: Inputs) -> ContainerSpec:
    """The container of one replica."""
    artifact = inputs.release.artifact
    return ContainerSpec(
        name=container_name(inputs.replica_id),
        image=artifact.image,
        command=artifact.command,
        env=environment(inputs),
        working_dir=artifact.working_dir,
        user=APP_USER,
        mounts=(*_mounts(artifact, inputs.data), *inputs.secret_files),
        tmpfs=_tmpfs(artifact, inputs.placement, inputs.settings),
        read_only_root=artifact.read_only_root,
        network=NETWORKS[inputs.egress.preset],
        egress=inputs.egress.destinations,
        gpus=inputs.placement.gpus,
        limits=_limits(inputs.placement, inputs.flavor, inputs.settings),
        labels={
            LABEL_INSTANCE: inputs.instance,
            LABEL_SPACE: inputs.space.key,
            LABEL_BUILD: inputs.release.build_id,
            LABEL_REPLICA: inputs.replica_id,
        },
    )


def with_mounts(spec: ContainerSpec, mounts: Sequence[Mount]) -> ContainerSpec:
    """With storage; what is mounted takes the place of a temporary file system."""
    targets = {mount.target for mount in mounts}
    tmpfs = tuple(one for one in spec.tmpfs if one.target not in targets)
    return replace(spec, mounts=(*spec.mounts, *mounts), tmpfs=tmpfs)


def container_name(replica_id: str) -> str:
    """Opaque: a neighbour that guesses names learns nothing from them."""
    return f"spaceport-app-{replica_id}"


def environment(inputs: Inputs) -> dict[str, str]:
    """Defaults that a user may override, then the user's own, then what nobody may set."""
    return {
        **platform_environment(inputs),
        **inputs.release.variables,
        **inputs.secrets,
        **helpers(inputs),
        **_for_launcher(inputs),
    }


def _for_launcher(inputs: Inputs) -> dict[str, str]:
    """Which of all that goes into Streamlit's secrets file; the launcher takes it out again."""
    if SECRETS_FILE not in inputs.release.artifact.env:
        return {}
    return {SECRET_NAMES: ",".join(sorted(inputs.secrets))}


def platform_environment(inputs: Inputs) -> dict[str, str]:
    """The part that is the same for all Spaces of an SDK and a flavour."""
    return {**_defaults(inputs), **inputs.release.artifact.env}


def helpers(inputs: Inputs) -> dict[str, str]:
    """The helper variables (spaces-behaviour 9); they follow renames and settings."""
    space, flavor = inputs.space, inputs.flavor
    card = Card.from_json(inputs.release.card)
    return {
        "SYSTEM": "spaces",
        "SPACE_ID": str(space.id),
        "SPACE_HOST": inputs.host,
        "SPACE_AUTHOR_NAME": space.id.author,
        "SPACE_REPO_NAME": space.id.name,
        "SPACE_TITLE": card.title or title_of(space.id.name),
        "SPACE_CREATOR_USER_ID": space.creator_id,
        "SPACE_SDK": (card.sdk or space.sdk).value,
        "CPU_CORES": flavor.cpu_cores,
        "MEMORY": flavor.memory_text,
        "ACCELERATOR": flavor.slug if flavor.gpus else "none",
        "PORT": str(inputs.release.artifact.port),
    }


def _defaults(inputs: Inputs) -> dict[str, str]:
    release = inputs.release
    threads = str(max(1, round(inputs.placement.cpus)))
    found = {
        "HOME": release.artifact.home,
        "PYTHONUNBUFFERED": "1",
        "GRADIO_SERVER_NAME": "0.0.0.0",  # noqa: S104  (the app's own container)
        "GRADIO_SERVER_PORT": str(release.artifact.port),
        **dict.fromkeys(THREAD_VARIABLES, threads),
    }
    if Card.from_json(release.card).sdk is Sdk.GRADIO:
        found |= {"GRADIO_NUM_PORTS": "1", "GRADIO_ALLOW_FLAGGING": "never"}
    if inputs.settings.hub_endpoint:
        found["HF_ENDPOINT"] = inputs.hub_url
    return found


def _mounts(artifact: Artifact, data: Path) -> tuple[Mount, ...]:
    return tuple(Mount(data / mount.source, mount.target) for mount in artifact.mounts)


def _tmpfs(
    artifact: Artifact, placement: Placement, settings: ContainerSettings
) -> tuple[Tmpfs, ...]:
    """Writable places of a read-only root. They count as memory, so none may take all of it."""
    if not artifact.read_only_root:
        return ()
    most = placement.memory // 2
    return (
        Tmpfs("/tmp", min(settings.tmp, most)),  # noqa: S108  (inside the container)
        Tmpfs(artifact.home, min(settings.home, most)),
    )


def _limits(placement: Placement, flavor: Flavor, settings: ContainerSettings) -> Limits:
    return Limits(
        cpus=placement.cpus,
        memory=placement.memory,
        pids=settings.pids,
        shm=min(settings.shm, placement.memory // 2),
        nofile=settings.nofile,
        disk=flavor.disk_bytes,
    )
