"""Small pure parts: what the kernel, the engine and its tools print."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from runtime.engine.cgroups import settings_v1, settings_v2, weight
from runtime.engine.docker_build_client import client_environment, failing_words
from runtime.engine.docker_containers import unix_time
from runtime.engine.docker_errors import why_down
from runtime.engine.docker_state import exit_of, observed, with_last_line
from runtime.engine.docker_trace import Trace, fields
from runtime.engine.firewall import Policy, choose, host_resolvers, parse_refused, rules
from runtime.engine.netns import parse_listening
from runtime.engine.process_create import free_number
from runtime.engine.shared_libraries import libraries_in
from runtime.engine.text_lines import later
from spaceport.engine import ContainerState, Exit, Listening

PROC_NET_TCP = """\
   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1
   1: 00000000:1EB4 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 2 1
   2: 0200000A:1EB4 0100000A:C350 01 00000000:00000000 00:00000000 00000000  1000        0 3 1
"""
PROC_NET_TCP6 = """\
   0: 00000000000000000000000000000000:1EB4 00000000000000000000000000000000:0000 0A 0:0 0:0 0
   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0
"""


def test_what_listens() -> None:
    assert parse_listening(PROC_NET_TCP.splitlines()) == [
        Listening("127.0.0.1", 5000),
        Listening("0.0.0.0", 7860),
    ]
    assert parse_listening(PROC_NET_TCP6.splitlines()) == [
        Listening("::", 7860),
        Listening("::1", 80),
    ]
    assert parse_listening(["", "garbage"]) == []


def test_since_is_exclusive_to_the_nanosecond() -> None:
    stamp = "2026-11-24T00:00:01.500000001Z"
    assert later("2026-11-24T00:00:01.500000002Z", stamp)
    assert not later(stamp, stamp)
    assert not later("2026-11-24T00:00:01.5Z", stamp)
    assert later("2026-11-24T00:00:02Z", stamp)
    assert later(stamp, None)
    assert unix_time("1970-01-01T00:01:00.000000001Z") == "60.000000001"
    assert unix_time("1970-01-01T00:01:00Z") == "60.000000000"


def test_the_state_of_a_container() -> None:
    inspected = {
        "Id": "abc",
        "Config": {"Labels": {"a": "b"}},
        "State": {"Status": "exited", "ExitCode": 137, "OOMKilled": True, "Error": "", "Pid": 0},
    }
    seen = observed(inspected)
    assert seen.state is ContainerState.EXITED
    assert (seen.exit, seen.pid, seen.labels) == (Exit(137, True), None, {"a": "b"})
    assert exit_of({"ExitCode": 128, "Error": "no such device"}) == Exit(
        128, False, "no such device"
    )


def test_why_a_command_could_not_run() -> None:
    line = "[FATAL tini (7)] exec nonesuch failed: No such file or directory"
    assert (
        with_last_line(Exit(127), line).error == "exec nonesuch failed: No such file or directory"
    )
    assert with_last_line(Exit(127), "sh: nonesuch: not found").error == ""
    assert with_last_line(Exit(1), line).error == ""


@pytest.mark.parametrize(
    ("error", "url", "installed", "words"),
    [
        ("PermissionError(13, 'Permission denied')", "unix:///run/docker.sock", True, "group"),
        ("ConnectionRefusedError", "unix:///run/docker.sock", True, "systemctl start"),
        ("FileNotFoundError", "unix:///run/docker.sock", False, "apt install"),
        ("timed out", "tcp://10.0.0.9:2376", True, "docker_host"),
    ],
)
def test_what_to_do_when_the_engine_is_down(
    error: str, url: str, installed: bool, words: str
) -> None:
    message, hint = why_down(error, url, installed)
    assert words in hint
    assert url.removeprefix("unix://") in message


def test_limits_as_files_of_control_groups() -> None:
    first = settings_v1(cpus=0.5, memory=1000, pids=7, shares=64)
    assert first == {
        "cpu": {"cpu.shares": "64", "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"},
        "memory": {"memory.limit_in_bytes": "1000", "memory.memsw.limit_in_bytes": "1000"},
        "pids": {"pids.max": "7"},
    }
    assert settings_v2(cpus=2, memory=1000, pids=None, shares=1024) == {
        "cpu.weight": "39",
        "cpu.max": "200000 100000",
        "memory.max": "1000",
        "memory.swap.max": "0",
    }
    assert (weight(2), weight(262144)) == (1, 10000)


def test_the_words_of_a_failed_build() -> None:
    lines = ["#5 oops", "ERROR: failed to solve: exit code: 3", "------"]
    assert failing_words(lines) == "ERROR: failed to solve: exit code: 3"
    assert failing_words(["only this"]) == "only this"
    assert failing_words([])


@pytest.mark.req("RUN-04")
def test_the_build_command_inherits_nothing_of_ours() -> None:
    outer = {
        "PATH": "/bin",
        "HF_TOKEN": "x",
        "SPACEPORT__URL": "y",
        "LD_PRELOAD": "z",
        "HOME": "/h",
    }
    found = client_environment(outer, "unix:///s")
    assert not {"HF_TOKEN", "SPACEPORT__URL", "LD_PRELOAD"} & set(found)
    assert found["DOCKER_HOST"] == "unix:///s"


def protobuf(*pairs: tuple[int, bytes | int]) -> bytes:
    out = b""
    for number, value in pairs:
        if isinstance(value, int):
            out += bytes([number << 3, value])
        else:
            out += bytes([number << 3 | 2, len(value)]) + value
    return out


def test_buildkits_messages_become_lines() -> None:
    trace = Trace()
    begun = protobuf((1, protobuf((1, b"d1"), (3, b"RUN id"), (5, b""))))
    said = protobuf((3, protobuf((1, b"d1"), (3, 1), (4, b"uid=0\nhalf"))))
    more = protobuf((3, protobuf((1, b"d1"), (4, b" line\n"))))
    ended = protobuf((1, protobuf((1, b"d1"), (3, b"RUN id"), (5, b""), (6, b""), (7, b"exit 1"))))
    found = [line for message in (begun, begun, said, more, ended) for line in trace.lines(message)]
    assert found == ["#1 RUN id", "#1 uid=0", "#1 half line", "#1 ERROR: exit 1"]


def test_a_message_that_ends_early_is_no_error() -> None:
    whole = protobuf((1, b"x" * 20)) + struct.pack("<BQ", 2 << 3 | 1, 5)
    for end in range(len(whole)):
        list(fields(whole[:end]))


def test_the_network_policy_is_one_transaction() -> None:
    text = rules(
        "i1",
        Policy(
            ["spa-1", "spb-1", "spc-1"],
            resolvers=[IPv4Address("10.0.0.53")],
            allowed=[IPv4Network("10.1.0.0/16")],
            masquerade={"spa-1": IPv4Network("10.213.0.0/17")},
            chosen_bridge="spc-1",
        ),
    )
    lines = [line.strip() for line in text.splitlines()]
    name = lines[0].removeprefix("table inet ")
    assert lines[:3] == [f"table inet {name}", f"delete table inet {name}", f"table inet {name} {{"]
    forward = lines[lines.index("chain forward {") : lines.index("chain input {")]
    assert forward == [
        "chain forward {",
        "type filter hook forward priority -10; policy accept;",
        'iifname != { "spa-1", "spb-1", "spc-1" } accept',
        "ct state established,related accept",
        "ip daddr { 10.0.0.53 } meta l4proto { tcp, udp } th dport 53 accept",
        "ip daddr 10.1.0.0/16 accept",
        "ip daddr { 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, "
        "172.16.0.0/12, 192.168.0.0/16, 224.0.0.0/3 } jump refuse",
        'iifname "spc-1" ip saddr . ip daddr . tcp dport @chosen accept',
        'iifname "spc-1" jump refuse',
        "meta nfproto ipv4 tcp dport { 80, 443, 8080 } accept",
        "jump refuse",
        "}",
    ]
    assert "reject with icmpx admin-prohibited" in lines[lines.index("chain refuse {") :]
    assert 'ip saddr 10.213.0.0/17 oifname != "spa-1" masquerade' in lines


def test_a_list_holds_no_network_twice() -> None:
    one, wide = IPv4Network("198.51.100.7/32"), IPv4Network("198.51.100.0/24")
    text = choose("i1", {IPv4Address("10.2.0.5"): [(one, 443), (wide, 443), (one, 80)]})
    elements = "{ 10.2.0.5 . 198.51.100.7/32 . 80, 10.2.0.5 . 198.51.100.0/24 . 443 }"
    assert text.splitlines()[1].endswith(f"chosen {elements}")
    assert len(choose("i1", {}).splitlines()) == 1  # nothing but the flush


def test_what_nft_tells_of_refusals() -> None:
    told = """{"nftables": [{"metainfo": {}}, {"set": {"name": "refused", "elem": [
        {"elem": {"val": {"concat": ["10.2.0.5", "198.51.100.2", "tcp", 25]},
         "expires": 3590, "counter": {"packets": 3, "bytes": 180}}},
        {"elem": {"val": {"concat": ["10.2.0.5", "198.51.100.2", "udp", 443]},
         "expires": 3000, "counter": {"packets": 9, "bytes": 90}}}]}}]}"""
    found = parse_refused(told)[IPv4Address("10.2.0.5")]
    assert [(one.port, one.protocol, one.count, one.ago) for one in found] == [
        (443, "udp", 9, 600),
        (25, "tcp", 3, 10),
    ]


def test_name_servers_of_the_host_itself_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("# x\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nnameserver fe80::1\n")
    assert host_resolvers([file, tmp_path / "absent"]) == [IPv4Address("192.0.2.1")]


def test_what_ldd_found() -> None:
    text = (
        "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibm.so.6 => /lib/libm.so.6 (0x00007f00)\n"
        "\tlibgone.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f11)\n"
    )
    assert libraries_in(text) == {
        "libm.so.6": Path("/lib/libm.so.6"),
        "/lib64/ld-linux-x86-64.so.2": Path("/lib64/ld-linux-x86-64.so.2"),
    }


def test_numbers_of_containers() -> None:
    assert free_number([]) == 0
    assert free_number([0, 1, 3]) == 2
