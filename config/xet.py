"""Settings of Xet uploads, which hf_xet makes. Sizes are bytes, times are seconds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MIB = 1024 * 1024
GIB = 1024 * MIB
HOUR = 3600


class XetSettings(BaseModel):
    """What uploads may bring, and what may wait on the disk until they are finished.

    Sizes of finished files are limited as those of all large objects are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    token_seconds: int = Field(
        900, ge=60, le=HOUR, description="Life of an upload's token; clients renew it."
    )
    xorb_bytes: int = Field(
        66 * MIB, ge=1024, description="Bytes of one part of an upload; clients make 64 MiB."
    )
    shard_bytes: int = Field(
        64 * MIB, ge=1024, description="Bytes of the list of files that ends an upload."
    )
    files: int = Field(10_000, ge=1, description="Files of one such list.")
    finish_bytes: int = Field(100 * GIB, ge=1, description="Bytes of all files of one list.")
    parts: int = Field(2_048, ge=1, description="Parts of one upload.")
    waiting_bytes: int = Field(
        200 * GIB, ge=1, description="Bytes of all uploads that are not finished yet."
    )
    space_waiting_bytes: int = Field(
        100 * GIB, ge=1, description="The same, of the uploads to one Space."
    )
    free_bytes: int = Field(
        1 * GIB, ge=0, description="What stays free on the disk while uploads come in."
    )
    idle: float = Field(
        6.0 * HOUR,
        ge=60,
        le=24 * HOUR,
        description="Seconds after which an upload that nothing was added to is removed.",
    )
    body_idle: float = Field(20.0, gt=0, description="Seconds of silence in a body; then 408.")
