"""Settings of storage: persistent disks, and how the rest of a Space's disk use is watched."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

GIB = 1024**3


class StorageSettings(BaseModel):
    """`plain` gives up the sizes of the tiers; it is for a laptop, not for strangers' apps."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plain: bool = Field(
        False,
        description="Where disks cannot be mounted (not root, no loop devices), give Spaces plain "
        "folders as storage, without any limit.",
    )
    reserve: int = Field(
        GIB, ge=0, description="Bytes of the host's disk that no Space may fill with its storage."
    )
    scratch: bool = Field(
        True,
        description="Give apps whose root is read-only a disk of their hardware's size for /tmp "
        "and their home, as long as they run; else these places are in memory, and smaller.",
    )
    watch: float = Field(
        5.0, gt=0, le=10, description="Seconds between looks at how much Spaces have written."
    )
