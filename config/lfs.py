"""Settings of git-lfs. Sizes are bytes, times are seconds; limits are those of security.md 4."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

MIB = 1024 * 1024
GIB = 1024 * MIB
HOUR = 3600


class LfsSettings(BaseModel):
    """Everything about large objects that may be configured."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    object_bytes: int = Field(5 * GIB, ge=1, description="Bytes of one object; then 413.")
    batch_objects: int = Field(1_000, ge=1, description="Objects of one batch; then 413.")
    space_bytes: int = Field(
        0, ge=0, description="Bytes of large objects that a Space may hold; 0 for no limit."
    )
    owner_bytes: int = Field(
        0, ge=0, description="Bytes that all Spaces of one owner may hold; 0 for no limit."
    )
    contributor_bytes: int = Field(
        1 * GIB,
        ge=0,
        description="Bytes of large objects that one account may bring to pull requests in Spaces "
        "to which it may not write, until they are merged; 0 for no limit.",
    )
    href_seconds: int = Field(
        HOUR, ge=60, le=HOUR, description="Life of a signed address for an upload or download."
    )
    ssh_seconds: int = Field(
        HOUR // 2, ge=60, le=HOUR // 2, description="Life of what git-lfs-authenticate hands out."
    )
    multipart_from: int = Field(
        256 * MIB,
        ge=1,
        description="Objects of at least so many bytes go up in parts, if the client can.",
    )
    part_bytes: int = Field(64 * MIB, ge=64 * 1024, description="Bytes of a part at least.")
    parts: int = Field(1_000, ge=1, le=10_000, description="Parts of an object at most.")
    unfinished: int = Field(
        64, ge=1, description="Uploads in parts that a Space may have open; then 503."
    )
    parts_kept: int = Field(
        24 * HOUR, ge=HOUR, le=24 * HOUR, description="Seconds until unfinished uploads are removed"
    )
    idle: float = Field(
        20.0, gt=0, description="Silence within an upload or download; then it ends."
    )
    transfers: int = Field(512, ge=1, description="Uploads at once; more are told to wait.")
