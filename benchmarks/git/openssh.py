"""OpenSSH's server with git-upload-pack and git-receive-pack, and the client's side of SSH.

It runs on a port of its own with keys of its own in a temporary folder; nothing of the machine's
configuration is read. As root it needs the folder /run/sshd, which it makes.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.git.servers import GIT_CONFIG, Server, free_port, require

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {keys}/host
AuthorizedKeysFile {keys}/client.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
AcceptEnv GIT_PROTOCOL
SetEnv {env}
"""
_PRIVILEGES = Path("/run/sshd")


def client(keys: Path) -> dict[str, str]:
    """Make the client's key and the host's in `keys`; gives what git has in its environment to use
    the stock client with nothing of this machine's configuration."""
    require("sshd", "ssh", "ssh-keygen")
    keys.mkdir(mode=0o700)
    for name in ("client", "host"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(keys / name)]
        subprocess.run(make, check=True)
    options = "-oIdentitiesOnly=yes -oIdentityAgent=none -oBatchMode=yes -oLogLevel=ERROR"
    strangers = "-oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null"
    command = f"ssh -F none {options} {strangers} -i {keys}/client"
    return {"GIT_SSH_COMMAND": command, "GIT_SSH_VARIANT": "ssh"}


def openssh(root: Path, run: Path, keys: Path, env: dict[str, str]) -> Server:
    """Debian's package openssh-server, for whoever runs this."""
    run.mkdir()
    port = free_port()
    server = Server("openssh", port, f"ssh://{getpass.getuser()}@127.0.0.1:{port}{root}", env)
    if os.geteuid() == 0:
        _PRIVILEGES.mkdir(mode=0o755, exist_ok=True)
    config = run / "sshd_config"
    pairs = " ".join(f"{name}={value}" for name, value in GIT_CONFIG.items())
    config.write_text(_CONFIG.format(port=port, keys=keys, env=pairs))
    # It starts itself anew for each connection, so it asks for its whole path.
    server.start(shutil.which("sshd") or "", "-D", "-f", str(config), "-E", str(run / "log"))
    server.wait()
    return server
