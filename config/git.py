"""Settings of the git server; the defaults are those of security.md section 4.

Sizes are bytes, times are seconds.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from config.ssh import SshSettings

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class PushLimits(BaseModel):
    """What one push may bring; above any of them nothing of the push is kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pack_bytes: int = Field(1 * GIB, ge=1, description="Bytes of the pack on the wire.")
    objects: int = Field(1_000_000, ge=1, description="Objects in the pack.")
    inflated_bytes: int = Field(4 * GIB, ge=1, description="Inflated bytes of all objects.")
    object_bytes: int = Field(100 * MIB, ge=1, description="Inflated bytes of one object.")
    metadata_bytes: int = Field(
        16 * MIB, ge=1, description="Inflated bytes of one commit, tree or tag."
    )
    blob_bytes: int = Field(
        10 * MIB, ge=1, description="Bytes of a file kept in git; larger ones belong into git-lfs."
    )
    inflate_ratio: int = Field(
        200, ge=2, description="Inflated by compressed bytes of an object above 1 MiB."
    )
    delta_depth: int = Field(4095, ge=1, description="Deltas on top of each other.")
    commands: int = Field(1_000, ge=1, description="Refs that one push may change.")
    command_bytes: int = Field(1 * MIB, ge=1024, description="Bytes of the list of commands.")
    options: int = Field(100, ge=0, description="Push options (-o), each up to 1 KiB.")
    ref_name_bytes: int = Field(255, ge=16, description="Bytes of a ref's name.")
    component_bytes: int = Field(200, ge=8, description="Bytes of one component of a ref's name.")
    path_bytes: int = Field(4096, ge=255, description="Bytes of a path within a revision.")
    tree_depth: int = Field(256, ge=1, description="Folders within each other.")
    symlink_bytes: int = Field(4096, ge=1, description="Bytes of a symbolic link's target.")


class CheckLimits(BaseModel):
    """What the child process that reads a pushed pack may use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    memory: int = Field(1536 * MIB, ge=128 * MIB, description="Address space of the child.")
    cpu: int = Field(600, ge=1, description="Processor seconds of the child.")
    wall: float = Field(900.0, gt=0, description="Seconds from start to end of the child.")
    children: int = Field(2, ge=1, description="Packs that are read at the same time.")
    base_cache: int = Field(
        64 * MIB, ge=MIB, description="Inflated delta bases that the child keeps in memory."
    )


class FetchLimits(BaseModel):
    """What one request to upload-pack may ask for; above it the answer is an ERR packet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request_bytes: int = Field(8 * MIB, ge=1024, description="Bytes of a request, inflated.")
    haves: int = Field(65_536, ge=1, description="`have` lines of a request.")
    wants: int = Field(10_000, ge=1, description="`want` lines of a request.")
    ref_prefixes: int = Field(65_536, ge=1, description="Above this all prefixes are ignored.")
    cache_bytes: int = Field(2 * GIB, ge=0, description="Disk for answers that are kept.")
    workers: int = Field(1, ge=1, description="Processes that walk objects and make packs.")
    queue: int = Field(64, ge=1, description="Requests that may wait for a worker.")


class ReadLimits(BaseModel):
    """Budgets for reading a revision: pages, API, builder, archive (GIT-19)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entries: int = Field(100_000, ge=1, description="Entries that one walk of a tree may visit.")
    seconds: float = Field(2.0, gt=0, description="Time that one listing of a tree may take.")
    export_seconds: float = Field(600.0, gt=0, description="Time that laying out files may take.")
    export_bytes: int = Field(2 * GIB, ge=1, description="Bytes of git's own files laid out.")


class GitSettings(BaseModel):
    """Everything about the git server that may be configured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    push: PushLimits = PushLimits()
    check: CheckLimits = CheckLimits()
    fetch: FetchLimits = FetchLimits()
    read: ReadLimits = ReadLimits()
    ssh: SshSettings = SshSettings()
    refs: int = Field(10_000, ge=1, description="Refs that a repository may hold.")
    repository_bytes: int = Field(
        1 * GIB, ge=0, description="Git data of one repository; 0 for no limit (11.16)."
    )
    join_packs_at: int = Field(
        16, ge=2, description="Packs of a repository from which on small ones are joined."
    )
    lock_wait: float = Field(5.0, gt=0, description="Seconds to wait for a repository's lock.")
    body_idle: float = Field(20.0, gt=0, description="Silence within a request's body; then 408.")
    deny_force: bool = Field(False, description="Refuse pushes that drop commits of a branch.")
    hidden: tuple[str, ...] = Field(
        ("refs/convert/", "refs/spaceport/"),
        description="Prefixes of refs that are neither shown nor pushable. Pull requests "
        "(refs/pr/) are shown, and pushable for their authors and for who may write.",
    )
