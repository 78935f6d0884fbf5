"""The run log of one replica: a banner, its output, and how it ended.

It is taken up again after a restart of Spaceport where it stopped. All calls may come from any
thread; the text is masked and capped by `spaceport.logbook`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from spaceport import logbook
from spaceport.engine import Engine, Exit, Handle, LogLine
from spaceport.masking import Masks
from spaceport.terminal import clean_line

REMEMBERED = 200  # last lines, for the diagnosis of an end
STARTUP = "===== Application Startup at {} ====="
END = "===== Application ended: {} ====="


class RunLog:
    """Open while the replica lives. Reads the file once, to go on behind its last line."""

    def __init__(self, path: Path, *, masks: Sequence[str], began: str) -> None:
        """`began` is the time that the banner of a new log names."""
        self._masks = Masks(masks)
        entries = logbook.read(path)
        texts = [entry.data.rstrip("\n") for entry in entries[-REMEMBERED:]]
        self._words = deque(texts, maxlen=REMEMBERED)
        self._ended = any(text.startswith(END[:24]) for text in texts[-1:])
        self._writer = logbook.LogWriter(path, masks=masks)
        # The banner is ours: what the app said before it was written has not been read yet.
        self.since = entries[-1].timestamp if len(entries) > 1 else None
        if not entries:
            self._writer.note(STARTUP.format(began))

    def line(self, line: LogLine) -> None:
        self._writer.write(line.text + "\n", line.stamp)
        self._words.append(self._masks.hide(clean_line(line.text)))
        self.since = line.stamp

    @property
    def last_words(self) -> list[str]:
        """The last lines, secret values hidden."""
        return list(self._words)

    def end(self, reason: str) -> None:
        """Write how it ended, once, and close."""
        if not self._ended:
            self._ended = True
            self._writer.note(END.format(reason.rstrip(".")))
        self.close()

    def close(self) -> None:
        """Stop writing; the replica may go on, and another process take over."""
        self._writer.close()


def record(engine: Engine, handle: Handle, log: RunLog) -> Exit:
    """Write everything the container says, block until it has ended, and return how.

    Raises `EngineDown` and `NoSuchContainer` as the engine does; call it again when it is back.
    """
    for line in engine.logs(handle, log.since):
        log.line(line)
    return engine.wait(handle)
