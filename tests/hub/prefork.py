"""The real command without its start-up: a process that has loaded it forks one for each call.

Each call is a process of its own with its own arguments, environment, input and output, running
`hub.cli.main` as the console script does; only the imports are shared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType

_SERVER = """
import json, os, sys
import hub.cli
for line in sys.stdin:
    call = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, name in enumerate(("input", "output", "error")):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT
            os.dup2(os.open(os.path.join(call["folder"], name), flags, 0o600), number)
        os.environ.clear()
        os.environ.update(call["environment"])
        sys.argv = ["spaceport", *call["words"]]
        status = 0
        try:
            hub.cli.main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1 if ended.code else 0
        except BaseException:
            import traceback
            traceback.print_exc()
            status = 70
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Prefork:
    """Runs one command at a time."""

    def __enter__(self) -> Prefork:
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.communicate(timeout=20)

    def run(
        self, *words: str, input: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` of the console script with captured text."""
        assert self._server.stdin is not None and self._server.stdout is not None
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "input").write_text(input)
            call = {"words": words, "folder": name, "environment": {**os.environ, **environment}}
            self._server.stdin.write(json.dumps(call) + "\n")
            self._server.stdin.flush()
            status = int(self._server.stdout.readline())
            said, complained = ((folder / each).read_text() for each in ("output", "error"))
        return subprocess.CompletedProcess(["spaceport", *words], status, said, complained)
