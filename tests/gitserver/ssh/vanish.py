"""A network that vanishes; run as `unshare -rn python -m tests.gitserver.ssh.vanish`."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from tests.gitserver.ssh.serving import serving, threads
from tests.waiting import eventually


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    limits = {"ask": 0.3, "lost": 1.5}
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), limits=limits) as place:
        words = [*place.ssh(place.key("ann")), "-p", str(place.port), "git@127.0.0.1"]
        client = subprocess.Popen(
            [*words, "git-receive-pack 'spaces/ann/x'"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert client.stdout is not None and client.stdout.read(4)
        for side in ("--dport", "--sport"):
            rule = ["-A", "INPUT", "-p", "tcp", side, str(place.port), "-j", "DROP"]
            subprocess.run(["iptables", *rule], check=True)
        eventually(lambda: not place.server.connections, timeout=20)
        assert threads() == len(place.server._house.sessions) == 0
        client.kill()
        client.communicate()
    print("all was freed")


if __name__ == "__main__":
    main()
