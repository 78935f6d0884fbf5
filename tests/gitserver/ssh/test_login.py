"""Before anybody is known: what may be said, and whose key it is (SSH-01 to SSH-05, SSH-14)."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import paramiko
import pytest

from gitserver.ssh.messages import permitted
from tests.gitserver.ssh.attacker import Attacker, load
from tests.gitserver.ssh.serving import SshPlace, fingerprint


@pytest.mark.req("SSH-01")
@pytest.mark.parametrize(
    "message",
    [
        (80, "tcpip-forward", True, "127.0.0.1", 0),
        (90, "session", 0, 1 << 20, 32768),
        (90, "direct-tcpip", 0, 1 << 20, 32768, "127.0.0.1", 22, "127.0.0.1", 1),
        (98, 0, "exec", True, "git-upload-pack 'spaces/ann/x'"),
        (94, 0, b"data"),
        (5, "ssh-connection"),
    ],
)
def test_nothing_before_the_login(place: SshPlace, message: tuple[object, ...]) -> None:
    attacker = Attacker(place.port)
    attacker.say(*message)  # type: ignore[arg-type]
    assert attacker.dropped()
    assert not {kind for kind, _ in attacker.seen} & {81, 91, 99}


@pytest.mark.req("SSH-02")
@pytest.mark.parametrize("kind", [6, 31, 33, 51, 52, 53, 60, 61, 91, 99, 192, 255])
def test_messages_that_only_servers_send(place: SshPlace, ann: Path, kind: int) -> None:
    attacker = Attacker(place.port)
    attacker.say(kind, "ssh-userauth", 0)
    assert attacker.dropped()
    known = Attacker(place.port)
    known.log_in(load(ann))
    known.say(kind, 0, 0)
    assert known.dropped()


def test_keys_are_not_exchanged_anew_before_the_login(place: SshPlace) -> None:
    attacker = Attacker(place.port)
    attacker._send_kex_init()  # type: ignore[attr-defined]
    assert attacker.dropped()


@pytest.mark.req("SSH-01", "SSH-02")
def test_the_table_of_what_a_client_may_send() -> None:
    def allowed(exchanging: bool, keyed: bool, known: bool) -> set[int]:
        return {
            kind
            for kind in range(256)
            if permitted(kind, exchanging=exchanging, keyed=keyed, known=known)
        }

    always = {1, 2, 3, 4, 5, 7, 21}
    assert allowed(True, False, False) == always | {20, 30, 32, 34}
    assert allowed(False, True, False) == always | {50}
    known = always | {20, 50, 80, 81, 82, 90, 93, 94, 96, 97, 98}
    assert allowed(False, True, True) == known
    assert allowed(True, True, True) == known | {30, 32, 34}


@pytest.mark.req("SSH-03")
def test_who_one_is_is_the_key_that_signed(place: SshPlace, ann: Path, bob: Path) -> None:
    victim, own = load(ann), load(bob)
    attacker = Attacker(place.port)
    attacker.ask_login()
    assert attacker.offer(victim) == 60  # merely offered, as anybody can who has the public half
    assert attacker.offer(victim, signer=own) == 51
    assert attacker.offer(own, signer=own) == 52
    channel = attacker.open()
    attacker.request(channel, "shell")
    assert "Hi bob!" in attacker.text()
    assert fingerprint(ann) not in [entry[1] for entry in place.table.logins if entry[0] == "bob"]


@pytest.mark.req("SSH-03")
def test_many_victims_keys_offered_first(place: SshPlace, bob: Path) -> None:
    victims = [load(place.key("ann")) for _ in range(5)]
    own = load(bob)
    attacker = Attacker(place.port)
    attacker.ask_login()
    assert [attacker.offer(victim) for victim in victims] == [60] * 5
    assert attacker.offer(own, signer=own) == 52
    attacker.request(attacker.open(), "shell")
    assert "Hi bob!" in attacker.text()


@pytest.mark.req("SSH-03")
def test_a_signature_is_good_for_one_user_name_and_one_session(place: SshPlace, ann: Path) -> None:
    key = load(ann)
    attacker = Attacker(place.port)
    attacker.ask_login()
    real, attacker.session_id = attacker.session_id, b"x" * 32
    assert attacker.offer(key, signer=key) == 51
    attacker.session_id = real
    assert attacker.offer(key, "root", signer=key) == 51
    assert attacker.offer(key, signer=key) == 52


@pytest.mark.req("SSH-04")
@pytest.mark.parametrize(
    "method",
    [
        ("none",),
        ("password", False, "secret"),
        ("keyboard-interactive", "", ""),
        ("hostbased", "ssh-rsa", b"", "host", "user", b""),
        ("gssapi-with-mic", 0),
        ("gssapi-keyex", b""),
        ("x" * 10_000,),
    ],
)
def test_only_public_keys(place: SshPlace, method: tuple[object, ...]) -> None:
    attacker = Attacker(place.port)
    attacker.ask_login()
    attacker.say(50, "git", "ssh-connection", *method)
    kind, answer = attacker.hear(51, 52)
    assert kind == 51 and answer.get_list() == ["publickey"] and not answer.get_boolean()


@pytest.mark.req("SSH-08")
def test_keys_may_fail_so_often(place: SshPlace, ann: Path) -> None:
    key, most = load(ann), place.limits().attempts
    attacker = Attacker(place.port)
    attacker.ask_login()
    attacker.say(50, "git", "ssh-connection", "none")  # as every client begins
    attacker.hear(51)
    assert [attacker.offer(key, "root") for _ in range(most)] == [51] * (most - 1) + [1]
    assert attacker.dropped()


@pytest.mark.req("SSH-14")
def test_only_the_one_user_name(place: SshPlace, ann: Path, unknown: Path) -> None:
    asked = len(place.table.asked)
    for user in ("root", "ann", "Git", "git2"):
        for key in (ann, unknown):
            done = place.run(key, options=("-T",), user=user)
            assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr
    assert len(place.table.asked) == asked + 8  # the same work as for the right name


@pytest.mark.req("SSH-05")
@pytest.mark.parametrize(
    "options",
    [
        ("-oCiphers=aes128-cbc,3des-cbc",),
        ("-oCiphers=aes128-ctr", "-oMACs=hmac-sha1,hmac-md5"),
        ("-oKexAlgorithms=diffie-hellman-group14-sha1,diffie-hellman-group1-sha1",),
        ("-oKexAlgorithms=diffie-hellman-group-exchange-sha1",),
        ("-oHostKeyAlgorithms=ssh-rsa",),
        ("-oCompression=yes", "-oCiphers=3des-cbc"),
    ],
)
def test_weak_algorithms_are_not_offered(
    place: SshPlace, ann: Path, options: tuple[str, ...]
) -> None:
    done = place.run(ann, options=("-T", "-oLogLevel=INFO", *options))
    assert done.returncode == 255 and "no matching" in done.stderr


@pytest.mark.req("SSH-05")
def test_rsa_signs_with_sha2_only(place: SshPlace) -> None:
    key = place.key("ann", "-t", "rsa", "-b", "3072")
    done = place.run(key, options=("-T", "-oPubkeyAcceptedAlgorithms=ssh-rsa"))
    assert done.returncode == 255
    assert "Hi ann!" in place.run(key, options=("-T",)).stderr


@pytest.mark.req("SSH-05")
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-oCiphers=aes256-ctr",),
        ("-oCiphers=aes128-ctr,aes128-gcm@openssh.com",),
        ("-oKexAlgorithms=curve25519-sha256", "-oHostKeyAlgorithms=rsa-sha2-512"),
        ("-oKexAlgorithms=diffie-hellman-group16-sha512",),
    ],
)
def test_the_stock_client_connects(
    place: SshPlace, ann: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    known = f"-oUserKnownHostsFile={tmp_path}/known"  # one for each kind of host key
    done = place.run(ann, options=("-T", "-oLogLevel=DEBUG", known, *options))
    assert "Hi ann!" in done.stderr
    ctr_alone = options == ("-oCiphers=aes256-ctr",)
    chosen = "aes256-ctr" if ctr_alone else "aes128-gcm@openssh.com"
    assert f"client->server cipher: {chosen}" in done.stderr


@pytest.mark.req("SSH-05")
def test_nothing_slips_in_before_the_first_keys(place: SshPlace) -> None:
    """Terrapin (CVE-2023-48795): with strict key exchange an extra message ends it."""

    class Inserting(Attacker):
        def _send_kex_init(self) -> None:
            if self.session_id is None:
                self.say(2, b"inserted")
            super()._send_kex_init()  # type: ignore[misc]

    with pytest.raises((paramiko.SSHException, EOFError)):
        Inserting(place.port)
    lax = Inserting(place.port, strict_kex=False)  # an old client, which cannot know
    assert lax.is_active()
    lax.close()


@pytest.mark.req("SSH-05")
def test_ssh_audit_finds_no_fault(place: SshPlace) -> None:
    audit = Path(sys.executable).with_name("ssh-audit")
    done = subprocess.run(
        [audit, "-j", "--skip-rate-test", "-p", str(place.port), "127.0.0.1"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    report = json.loads(done.stdout)
    faults = [
        (kind, entry.get("algorithm"), entry["notes"]["fail"])
        for kind in ("kex", "key", "enc", "mac")
        for entry in report[kind]
        if entry.get("notes", {}).get("fail")
    ]
    assert faults == [] and not report.get("cves")
    assert {entry["algorithm"] for entry in report["key"]} == {
        "ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"
    }  # fmt: skip
    assert "kex-strict-s-v00@openssh.com" in {entry["algorithm"] for entry in report["kex"]}


def test_a_client_that_waits_for_our_proposal_gets_it(place: SshPlace) -> None:
    with socket.create_connection(("127.0.0.1", place.port), timeout=20) as waiting:
        waiting.sendall(b"SSH-2.0-patient\r\n")
        heard = b""
        while b"aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes256-ctr" not in heard:
            data = waiting.recv(4096)
            assert data
            heard += data
