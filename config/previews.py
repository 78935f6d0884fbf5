"""Settings of previews: branches and pull requests as apps of their own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

DAY = 86_400


class PreviewSettings(BaseModel):
    """Previews of branches. Times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(True, description="Whether branches get previews at all.")
    most: int = Field(10, ge=1, description="Previews of one Space at the same time.")
    keep: float = Field(
        7 * DAY, gt=0, description="A preview goes when nobody pushed to or visited it so long."
    )
    sleep: int = Field(15 * 60, ge=1, description="Without use for so long, a preview sleeps.")
