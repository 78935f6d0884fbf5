"""The system-call filter of `runtime.engine.seccomp` as a program for the kernel (seccomp(2)).

libseccomp compiles it: it knows the numbers of the calls on this machine's architecture, and is
part of every Debian and Ubuntu. Where it is absent there is no filter, and `doctor` says so.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from functools import cache

from runtime.engine.seccomp import docker_profile

_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_OPERATORS = {"SCMP_CMP_EQ": 4, "SCMP_CMP_MASKED_EQ": 7}


class _Argument(ctypes.Structure):
    """`struct scmp_arg_cmp` of seccomp.h."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


@cache
def filter_program() -> bytes:
    """The compiled filter; empty where libseccomp is absent or too old for it."""
    name = ctypes.util.find_library("seccomp")
    if name is None:
        return b""
    try:
        return _compile(ctypes.CDLL(name))
    except (OSError, AttributeError):
        return b""


def _compile(library: ctypes.CDLL) -> bytes:
    library.seccomp_init.restype = ctypes.c_void_p
    profile = docker_profile()
    context = ctypes.c_void_p(library.seccomp_init(_ERRNO | profile["defaultErrnoRet"]))
    try:
        for rule in profile["syscalls"]:
            allowed = rule["action"] == "SCMP_ACT_ALLOW"
            action = _ALLOW if allowed else _ERRNO | rule["errnoRet"]
            for name in rule["names"]:
                _add(library, context, action, name, rule.get("args", ()))
        return _export(library, context)
    finally:
        library.seccomp_release(context)


def _add(
    library: ctypes.CDLL,
    context: ctypes.c_void_p,
    action: int,
    name: str,
    compared: list[dict[str, int | str]] | tuple[()],
) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number < 0:  # this architecture has no such call, or the library is older than the call
        return
    arguments = (_Argument * max(len(compared), 1))()
    for slot, one in zip(arguments, compared, strict=False):
        slot.arg = int(one["index"])
        slot.op = _OPERATORS[str(one["op"])]
        # For a masked comparison libseccomp takes the mask first, then what must be left.
        slot.datum_a = int(one["value"])
        slot.datum_b = int(one["valueTwo"])
    answer = library.seccomp_rule_add_array(
        context, ctypes.c_uint32(action), number, len(compared), arguments
    )
    if answer != 0:
        raise OSError(-answer, f"seccomp rule for {name}")


def _export(library: ctypes.CDLL, context: ctypes.c_void_p) -> bytes:
    descriptor = os.memfd_create("seccomp")
    try:
        if library.seccomp_export_bpf(context, descriptor) != 0:
            raise OSError("the filter cannot be exported")
        os.lseek(descriptor, 0, os.SEEK_SET)
        with os.fdopen(os.dup(descriptor), "rb") as program:
            return program.read()
    finally:
        os.close(descriptor)
