"""Settings of git over SSH; the limits are those of security.md section 4 and SSH-06 to SSH-16.

Where it listens is `ssh: HOST:PORT` at the top of the settings. Sizes are bytes, times are seconds.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

KIB = 1024
MIB = 1024 * KIB


class SshLimits(BaseModel):
    """What one connection, one address, one account may take."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    identification_bytes: int = Field(
        255, ge=32, description="Bytes of a client's first line, its end included (RFC 4253 4.2)."
    )
    packet_bytes: int = Field(
        256 * KIB,
        ge=35_000,
        description="What a packet may be long beyond its first block (SSH-06).",
    )
    identification: float = Field(10.0, gt=0, description="From accept to the first line.")
    key_exchange: float = Field(15.0, gt=0, description="From accept to the first keys.")
    login: float = Field(20.0, gt=0, description="From accept to the end of the login.")
    attempts: int = Field(6, ge=1, description="Keys that may fail on one connection.")
    pending_per_address: int = Field(
        10, ge=1, description="Connections of an address (/64 for IPv6) that are not logged in."
    )
    pending: int = Field(100, ge=1, description="All connections that are not logged in.")
    connections_per_account: int = Field(
        32, ge=1, description="Logged-in connections of an account, or of an unknown's address."
    )
    connections: int = Field(256, ge=1, description="All logged-in connections.")
    channels: int = Field(10, ge=1, description="Channels open at once on one connection.")
    sessions_per_account: int = Field(
        16, ge=1, description="Commands that run at once for an account."
    )
    sessions: int = Field(64, ge=1, description="Commands that run at once; a thread for each.")
    command_bytes: int = Field(4 * KIB, ge=64, description="Bytes of a command line (SSH-10).")
    window: int = Field(
        4 * MIB, ge=64 * KIB, description="Bytes that a client may send ahead of us, each channel."
    )
    channel_packet: int = Field(
        64 * KIB, ge=32 * KIB, description="Bytes of one packet of data that a client may send."
    )
    stall: float = Field(60.0, gt=0, description="No progress in sending or hearing (SSH-15).")
    lost: float = Field(30.0, gt=0, description="A network that takes nothing (SSH-16).")
    wait: float = Field(600.0, gt=0, description="A command that waits for its client to speak.")
    idle: float = Field(600.0, gt=0, description="A connection on which no command runs.")
    ask: float = Field(10.0, gt=0, description="Silence after which a client is asked for a sign.")
    recheck: float = Field(
        30.0, gt=0, le=60, description="Between looks whether a key still opens its account."
    )


class SshSettings(BaseModel):
    """Git over SSH: how it is reached, who comes in, and its limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str = Field(
        "git", pattern=r"[a-z_][a-z0-9_-]{0,31}", description="The user name of every address."
    )
    host: str = Field("", description="The host in the addresses shown; default: the hub's.")
    port: int = Field(
        0, ge=0, le=65535, description="The port in the addresses shown; default: where it listens."
    )
    anonymous: bool = Field(
        True,
        description="An unknown key may read what everybody may read (11.5); else it is refused.",
    )
    limits: SshLimits = SshLimits()
