"""The server of these tests as a process to be killed: `python -m tests.gitserver.serve`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from config.git import GitSettings
from gitserver.repositories import Repositories
from tests.gitserver.writing import serving


def main() -> None:
    root = Path(sys.argv[1])
    Repositories(root, GitSettings()).sweep()
    with serving(root) as server:
        Path(sys.argv[2]).write_text(str(server.port))
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
