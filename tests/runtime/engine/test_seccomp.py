"""The filter of system calls, as both engines are given it."""

from __future__ import annotations

import pytest

from runtime.engine.seccomp import docker_profile
from runtime.engine.seccomp_bpf import filter_program


def allowed() -> set[str]:
    rules = docker_profile()["syscalls"]
    return {name for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}


@pytest.mark.req("RUN-07")
def test_dangerous_calls_are_not_allowed() -> None:
    dangerous = (
        "unshare setns bpf keyctl add_key request_key perf_event_open userfaultfd mount umount2 "
        "pivot_root ptrace process_vm_readv process_vm_writev init_module finit_module "
        "delete_module kexec_load io_uring_setup io_uring_enter open_by_handle_at fsopen fsmount "
        "move_mount reboot swapon clone3 chroot syslog quotactl nfsservctl lookup_dcookie"
    ).split()
    assert not allowed() & set(dangerous)


def test_clone_may_not_make_namespaces() -> None:
    rules = docker_profile()["syscalls"]
    (clone,) = [rule for rule in rules if rule["names"] == ["clone"]]
    (argument,) = clone["args"]
    assert argument == {
        "index": 0, "value": 0x7E020000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ",
    }  # fmt: skip


def test_it_compiles_to_a_program_for_the_kernel() -> None:
    program = filter_program()
    assert program
    assert len(program) % 8 == 0  # struct sock_filter
    assert len(program) // 8 <= 4096  # BPF_MAXINSNS
