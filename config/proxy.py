"""Settings of the reverse proxy; the defaults are those of security.md section 4."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

KIB = 1024
MIB = 1024 * KIB

PLATFORM_COOKIE_PREFIX = "spaceport"
"""Every cookie of ours starts with it (after `__Host-`); such a cookie never reaches an app, and
an app cannot set one (PX-09, PX-10)."""


class HeadLimits(BaseModel):
    """How large the head of a request or of an app's answer may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request_line: int = Field(8 * KIB, ge=256, description="Bytes of the request line; else 414.")
    block: int = Field(32 * KIB, ge=1024, description="Bytes of a request's head; else 431.")
    count: int = Field(100, ge=8, description="Header lines of a request; else 431.")
    answer_block: int = Field(64 * KIB, ge=1024, description="Bytes of an answer's head; else 502.")
    answer_count: int = Field(200, ge=8, description="Header lines of an answer; else 502.")
    interim: int = Field(16, ge=1, description="1xx answers before the final one; else 502.")
    pipelined: int = Field(16, ge=1, description="Requests that may wait on one connection.")
    hops: int = Field(5, ge=1, description="Passes of one request through this proxy; else 508.")


class Timeouts(BaseModel):
    """Seconds. They are checked by one sweep, so they end up to `sweep` late."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sweep: float = Field(1.0, gt=0, description="How often deadlines are looked at.")
    idle: float = Field(15.0, gt=0, description="Idle before the first request begins.")
    keep_alive: float = Field(75.0, gt=0, description="Idle between two requests.")
    head: float = Field(15.0, gt=0, description="A request's head, once begun, in all.")
    body: float = Field(20.0, gt=0, description="Silence within a request's body; then 408.")
    body_rate: int = Field(1 * KIB, ge=0, description="Least bytes a second of a request's body.")
    body_rate_after: float = Field(10.0, gt=0, description="When the least rate starts to count.")
    connect: float = Field(5.0, gt=0, description="Connecting to an app; then 502.")
    first_byte: float = Field(120.0, gt=0, description="The app's final answer begins; then 504.")
    stream: float = Field(600.0, gt=0, description="Silence within an answer; then it is cut.")
    websocket: float = Field(3600.0, gt=0, description="Silence within a WebSocket.")
    closing: float = Field(5.0, gt=0, description="Flushing and lingering after the last byte.")
    pool_idle: float = Field(3.0, gt=0, description="Unused app connections are kept this long.")


class StaticLimits(BaseModel):
    """Serving of static Spaces."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cache_bytes: int = Field(64 * MIB, ge=0, description="Memory for small files of all Spaces.")
    cached_file: int = Field(256 * KIB, ge=0, description="Files up to this size are cached.")
    files: int = Field(100_000, ge=1, description="Files that one static Space may serve.")
    folders: int = Field(256, ge=1, description="Static Spaces whose file lists are kept.")


class ProxySettings(BaseModel):
    """The reverse proxy in front of the Spaces."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    head: HeadLimits = HeadLimits()
    timeouts: Timeouts = Timeouts()
    static: StaticLimits = StaticLimits()
    public_scheme: Literal["http", "https"] = Field(
        "http", description="What browsers use, also when another server ends TLS before this one."
    )
    public_port: int | None = Field(
        None, ge=1, le=65535, description="The port that browsers use; None: the Host header's."
    )
    forwarded_for: Literal["append", "replace"] = Field(
        "append",
        description="Keep a caller's X-Forwarded-For in front of the connecting address, or not.",
    )
    requests_per_space: int = Field(512, ge=1, description="At once for one Space; then 503.")
    websockets_per_space: int = Field(1024, ge=1, description="At once for one Space; then 503.")
    connections: int = Field(16_384, ge=1, description="Client connections in all.")
    connections_per_address: int = Field(2048, ge=1, description="From one address (IPv6: a /64).")
    max_body: int = Field(
        10 * 1024 * MIB, ge=1, description="Bytes of a request's body for an app; then 413."
    )
    pool_size: int = Field(64, ge=0, description="Unused connections kept for one replica.")
    splice_from: int = Field(
        256 * KIB,
        ge=0,
        description="Bodies with this much left are moved inside the kernel; 0: none.",
    )
    held_per_space: int = Field(100, ge=0, description="Programs waiting for one Space to start.")
    hold: float = Field(55.0, ge=0, description="How long a waiting program is held, in seconds.")
    hold_interval: float = Field(2.0, gt=0, description="Seconds between two 102 answers.")
    hold_agents: tuple[str, ...] = Field(
        ("gradio_client/", "python-httpx/", "curl/"),
        description="User agents that understand 102 answers; others get 503 with Retry-After.",
    )
    door_cache: float = Field(
        5.0, ge=0, description="Seconds for which an admission is remembered."
    )
    ticket_cookie_age: int = Field(86_400, ge=60, description="Life of the door's cookie, seconds.")
    backlog: int = Field(2048, ge=16, description="Connections the kernel may hold for accepting.")
