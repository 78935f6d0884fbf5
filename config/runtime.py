"""Settings of the runtime: how apps are started, watched, restarted, put to sleep and stopped."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.storage import StorageSettings

MIB = 1024**2
DAY = 86_400


class StartSettings(BaseModel):
    """From the start of a container to its first answer (spaces-behaviour 3.7). Seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    longest: float = Field(
        7200.0, gt=0, description="The most that startup_duration_timeout in a README may give."
    )
    probe_first: float = Field(0.05, gt=0, description="Between the first looks at a new app.")
    probe_most: float = Field(1.0, gt=0, description="Between looks at one that takes its time.")
    probe_timeout: float = Field(15.0, gt=0, description="For one answer; then it is asked again.")
    misplaced_notice: float = Field(
        5.0, ge=0, description="Listening elsewhere for so long is told while waiting."
    )
    misplaced_fail: float | None = Field(
        None, gt=0, description="Listening elsewhere for so long fails the start; None: never."
    )
    at_once: int | None = Field(
        None, ge=1, description="Apps that begin at the same time; None: two for each core."
    )
    turn: float = Field(
        30.0, gt=0, description="One that has not answered for so long lets the next one begin."
    )
    build_patience: float = Field(
        10.0, ge=0, description="A build this young is awaited before an older version is started."
    )


class StopSettings(BaseModel):
    """From the last new request to the end of the container. Seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    drain: float = Field(
        30.0, ge=0, description="Requests under way may take so long at a change of version."
    )
    drain_least: float = Field(
        1.0, ge=0, description="The old version stays at least so long, until every proxy knows."
    )
    drain_end: float = Field(
        5.0, ge=0, description="Requests under way may take so long at pause, sleep and delete."
    )
    grace: float = Field(30.0, ge=0, description="Between SIGTERM and SIGKILL.")


class CrashSettings(BaseModel):
    """What happens when an app that had answered ends (3.7.4). Seconds, except `limit`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(5, ge=0, description="Restarts in a row; then the Space is left stopped.")
    backoff: float = Field(1.0, ge=0, description="Before the first restart; doubles each time.")
    backoff_most: float = Field(60.0, ge=0, description="The longest wait before a restart.")
    reset: float = Field(600.0, ge=0, description="Having run so long wipes the count.")


class Gpu(BaseModel):
    """One card of this host. `memory` in GiB."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9:._-]*$",
        description="As nvidia-smi -L tells, or 0, 1",
    )
    accelerator: str = Field(description="As the catalogue calls it: Nvidia T4.")
    memory: int = Field(0, ge=0)


class PlacementSettings(BaseModel):
    """How much of the host is promised to apps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cpu_overcommit: float | None = Field(
        None, gt=0, description="Cores promised to apps, as a multiple of the host's; None: any."
    )
    memory_overcommit: float | None = Field(
        40.0, gt=0, description="Memory promised, as a multiple of the host's; None: any."
    )
    memory_reserve: int = Field(
        512 * MIB, ge=0, description="Bytes of the host's memory that no single app is given."
    )
    patience: float = Field(
        600.0,
        ge=0,
        description="Seconds for which Spaces that wait for hardware may be overtaken by smaller "
        "ones that fit already.",
    )
    running_per_owner: int | None = Field(
        None, ge=1, description="Apps of one owner that run at the same time; None: any number."
    )


class ContainerSettings(BaseModel):
    """What every app's container is limited to besides its flavour. Sizes in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pids: int = Field(1024, ge=16, description="Processes and threads.")
    nofile: int = Field(8192, ge=256, description="Open files of one process.")
    shm: int = Field(1024 * MIB, ge=MIB, description="Shared memory; at most half of the memory.")
    tmp: int = Field(2048 * MIB, ge=MIB, description="Temporary files; at most half of the memory.")
    home: int = Field(
        4096 * MIB, ge=MIB, description="The home folder; at most half of the memory."
    )
    hub_endpoint: bool = Field(
        False, description="Set HF_ENDPOINT to this hub, for client libraries inside the apps."
    )


class MemorySettings(BaseModel):
    """When the host is short of memory, and unused apps go down the ladder before their time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    look: float = Field(5.0, gt=0, description="Seconds between looks at the host's memory.")
    low: float = Field(
        0.08, ge=0, lt=1, description="Short when less than this share is available; 0: never."
    )
    enough: float = Field(
        0.15, ge=0, le=1, description="Not short any more when this share is available."
    )
    stalled: float | None = Field(
        10.0,
        gt=0,
        description="Short also when so many per cent of the last 10 seconds went by with work "
        "waiting for memory, where the kernel tells (PSI); None: not looked at.",
    )
    unused: float = Field(
        30.0, gt=0, description="Idle seconds before an app may go down the ladder for memory."
    )
    at_once: int = Field(4, ge=1, description="Apps that go down with each look.")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> MemorySettings:
        if self.enough < self.low:
            raise ValueError("'enough' must not be below 'low'")
        return self


class CpuSettings(BaseModel):
    """When the host's cores are busy, and unused apps are frozen before their time: an app that
    nobody visits still takes some of a core (one of Gradio about a twentieth)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    busy: float | None = Field(
        90.0,
        gt=0,
        description="Busy when for so many per cent of the last 10 seconds some work waited for a "
        "core, where the kernel tells (PSI); None: not looked at.",
    )
    unused: float = Field(
        60.0, ge=0, description="Idle seconds before an app may be frozen for that."
    )
    at_once: int = Field(4, ge=1, description="Apps that are frozen with each look at the memory.")


class PrestartSettings(BaseModel):
    """Processes that wait with an SDK imported, for the next start of an app that uses it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    total: int = Field(2, ge=0, description="At most so many wait; 0: none, every start is plain.")
    each: int = Field(1, ge=1, description="At most so many with the same packages and limits.")
    memory_share: float = Field(
        0.1, gt=0, le=1, description="New ones take at most this part of the memory that is free."
    )
    quiet: float = Field(
        3.0, ge=0, description="Seconds after a start of any app before another one is prepared."
    )
    recent: float = Field(
        7.0, gt=0, description="Days; what nobody started for so long has nothing waiting for it."
    )


class RuntimeSettings(BaseModel):
    """The supervisor of the apps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: StartSettings = StartSettings()
    stop: StopSettings = StopSettings()
    crash: CrashSettings = CrashSettings()
    placement: PlacementSettings = PlacementSettings()
    container: ContainerSettings = ContainerSettings()
    storage: StorageSettings = StorageSettings()
    memory: MemorySettings = MemorySettings()
    cpu: CpuSettings = CpuSettings()
    prestart: PrestartSettings = PrestartSettings()
    sleep_free: int | None = Field(
        2 * DAY, ge=1, description="Idle seconds after which free hardware sleeps; None: never."
    )
    freeze_after: float | None = Field(
        300.0,
        ge=0,
        description="Idle seconds after which what may sleep is frozen: it keeps its memory, uses "
        "no CPU, and the next request thaws it at once. 0 or None: never.",
    )
    swap_after: float | None = Field(
        1800.0,
        ge=0,
        description="Idle seconds after which what is frozen is pushed out to swap, where the host "
        "has some: it holds no memory, and the next request takes a moment longer. 0 or None: "
        "never.",
    )
    flavors: tuple[str, ...] | None = Field(
        None, description="The hardware that can be chosen here; None: all that this host can give."
    )
    paid_flavors: Literal["everybody", "administrators"] = Field(
        "everybody", description="Who may choose hardware that costs money, besides by a grant."
    )
    gpus: tuple[Gpu, ...] | None = Field(
        None, description="The GPUs that apps may be given; None: what nvidia-smi tells."
    )
    monthly_budget: float | None = Field(
        None, ge=0, description="Dollars a month for owners who set no budget; None: no limit."
    )
    engine_retry: float = Field(1.0, gt=0, description="Seconds between looks at a lost engine.")
    sweep: float = Field(60.0, gt=0, description="Seconds between comparisons of all with all.")
