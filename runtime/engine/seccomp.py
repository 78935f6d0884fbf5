"""Which system calls a container may make: one list for Docker and for the sandbox.

An allow list: a call that a future kernel invents is refused until somebody has thought about it.
Next to Docker's own default it also refuses io_uring (which old engines let through), tracing and
reading other processes, and socket families that no app needs (RUN-01, RUN-07).
"""

from __future__ import annotations

import errno
from typing import Any

from runtime.engine.seccomp_calls import ALLOWED, CLONE_NEW_FLAGS, NOT_IMPLEMENTED, SOCKET_FAMILIES

PERSONALITIES = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
"""Linux, 32-bit addresses, old uname, both, and the question which one it is."""


def docker_profile() -> dict[str, Any]:
    """The profile in the form of Docker's `--security-opt seccomp=`.

    No list of architectures: the container's own is meant, so that the 32-bit entry points, where
    arguments cannot be looked at, stay shut.
    """
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.EPERM,
        "syscalls": [
            {"names": sorted(ALLOWED), "action": "SCMP_ACT_ALLOW"},
            {
                # "Not implemented" makes libraries use the older call that they know as well.
                "names": sorted(NOT_IMPLEMENTED),
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": errno.ENOSYS,
            },
            _allow_when("clone", 0, "SCMP_CMP_MASKED_EQ", CLONE_NEW_FLAGS, 0),
            *(_allow_when("socket", 0, "SCMP_CMP_EQ", family) for family in SOCKET_FAMILIES),
            *(_allow_when("personality", 0, "SCMP_CMP_EQ", one) for one in PERSONALITIES),
        ],
    }


def _allow_when(
    name: str, index: int, operator: str, value: int, value_two: int = 0
) -> dict[str, Any]:
    argument = {"index": index, "value": value, "valueTwo": value_two, "op": operator}
    return {"names": [name], "action": "SCMP_ACT_ALLOW", "args": [argument]}
