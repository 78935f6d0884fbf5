"""Running the hook files of a repository (githooks(5)), with the environment that git gives them.

What a hook prints reaches the pusher while it runs. A hook that takes longer than its limit is
ended, with everything that it started and that still belongs to it.
"""

from __future__ import annotations

import codecs
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_READ = 1 << 16
_LOOK_EVERY = 0.2
_AFTER_END = 0.5
"""Seconds for which output of a hook that has ended is still waited for."""

Say = Callable[[str], None]


class HookFiles:
    """The hooks of one repository during one push."""

    def __init__(
        self, folder: Path, git_dir: Path, environment: Mapping[str, str], seconds: float, say: Say
    ) -> None:
        """`folder`: where the hooks are. `environment`: what they get beside our own.
        `seconds`: how long each may run."""
        self._folder = folder
        self._git_dir = git_dir
        self._environment = environment
        self._seconds = seconds
        self._say = say

    def has(self, name: str) -> bool:
        """Whether there is such a hook that can be run."""
        return os.access(self._folder / name, os.X_OK) and (self._folder / name).is_file()

    def run(
        self,
        name: str,
        arguments: Sequence[str] = (),
        text: str = "",
        more: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> bool:
        """Run a hook if it is there, with `text` on its standard input; false if it refuses.

        `more`: environment of this hook alone. `folder`: where it runs, else in the repository.
        """
        if not self.has(name):
            return True
        with tempfile.TemporaryFile() as given:
            given.write(text.encode("utf-8", "surrogateescape"))
            given.seek(0)
            try:
                process = subprocess.Popen(
                    [self._program(name, folder), *arguments],
                    cwd=folder or self._git_dir,
                    env={**_ours(), **self._environment, **(more or {})},
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                self._say(f"error: cannot exec '{name}': {error.strerror}")
                return False
        return self._watch(name, process)

    def _program(self, name: str, folder: Path | None) -> str:
        """The hook as git calls it: from the repository's folder, where it runs."""
        path = self._folder / name
        if folder is None and self._git_dir in path.parents:
            return f"./{path.relative_to(self._git_dir)}"
        return str(path)

    def _watch(self, name: str, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + self._seconds
        try:
            ended = self._listen(process, deadline)
            if not ended:
                self._say(
                    f"error: the {name} hook took more than {self._seconds:g} s and was ended"
                )
                return False
            return process.wait() == 0
        finally:
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _listen(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """Hand on what the hook prints, whole lines at a time, until it ends; false if it does
        not in time. What it leaves running in the background is not waited for."""
        if process.stdout is None:
            return True
        lines, stop = _Lines(self._say), 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                if now > deadline:
                    lines.end()
                    return False
                if process.poll() is not None:
                    stop = stop or now + _AFTER_END
                    if now > stop:
                        break
                if selector.select(_LOOK_EVERY if not stop else 0.05):
                    data = os.read(process.stdout.fileno(), _READ)
                    if not data:
                        break
                    lines.add(data)
                elif stop:
                    break
        lines.end()
        while process.poll() is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        return True


class _Lines:
    """Bytes in, whole lines out."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def add(self, data: bytes) -> None:
        whole, newline, self._rest = (self._rest + self._decoder.decode(data)).rpartition("\n")
        if newline:
            self._say(whole.expandtabs() + "\n")

    def end(self) -> None:
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        if rest:
            self._say(rest.expandtabs() + "\n")


def _ours() -> dict[str, str]:
    """Our own environment, without what would make git look elsewhere."""
    return {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
