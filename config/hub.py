"""Settings of the hub: API, accounts, pages. Limits are those of security.md section 4."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from config.xet import XetSettings

KIB = 1024
MIB = 1024 * KIB
HOUR = 3600


class ApiLimits(BaseModel):
    """What one request to the API may bring."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    json_bytes: int = Field(2 * MIB, ge=1024, description="Bytes of a JSON body; then 413.")
    json_depth: int = Field(64, ge=4, description="Levels of a JSON body; then 400.")
    commit_bytes: int = Field(
        144 * MIB,
        ge=1024,
        description="Bytes of a commit's body; then 413. 100 MiB of files are 134 in base64.",
    )
    commit_operations: int = Field(1000, ge=1, description="Operations of a commit; then 400.")
    commit_file: int = Field(
        10 * MIB, ge=1, description="Bytes of a file within a commit's body; then 422."
    )
    preupload_files: int = Field(1000, ge=1, description="Files asked about at once; then 400.")
    paths: int = Field(1000, ge=1, description="Paths asked about at once; then 400.")
    page: int = Field(1000, ge=1, description="Entries of one page of a list, at most.")
    log_streams: int = Field(200, ge=1, description="Log streams at once; then 503.")
    event_streams: int = Field(500, ge=1, description="Streams of stages at once; then 503.")
    body_idle: float = Field(20.0, gt=0, description="Seconds of silence in a body; then 408.")


class HubSettings(BaseModel):
    """The hub: its API and its pages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: tuple[str, ...] = Field(
        (),
        description="More hosts (`name` or `name:port`) under which clients reach the hub; its "
        "answers then carry that host. Loopback names go with a hub on localhost by themselves.",
    )
    ticket_seconds: int = Field(
        24 * HOUR, ge=60, description="Life of a ticket that opens a private app (13.5.4)."
    )
    keep_alive: float = Field(
        15.0, gt=0, le=55, description="Seconds between signs of life on a log stream."
    )
    recheck: float = Field(
        30.0, gt=0, le=60, description="Seconds between checks that a stream's reader still may."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="Whoever sends this as bearer token may read /metrics; empty: administrators.",
    )
    api: ApiLimits = ApiLimits()
    xet: XetSettings = XetSettings()
