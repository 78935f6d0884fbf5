"""The run log of a replica: banner, masked output, resumption, end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runtime.runlog import RunLog, record
from spaceport import logbook
from spaceport.engine import Exit, LogLine

BEGAN = "2026-11-24 12:00:00"


class Container:
    """The two calls of an engine that a log needs; the output stands in a list."""

    def __init__(self, *lines: LogLine) -> None:
        self.lines = lines

    def logs(self, handle: str, since: str | None = None) -> Iterator[LogLine]:
        return (line for line in self.lines if since is None or line.stamp > since)

    def wait(self, handle: str) -> Exit:
        return Exit(3)


def lines(count: int) -> list[LogLine]:
    return [LogLine(f"2026-11-24T12:00:{n:02}.123456789Z", f"line {n}") for n in range(count)]


def texts(path: Path) -> list[str]:
    return [entry.data.rstrip("\n") for entry in logbook.read(path)]


def open_log(path: Path, *masks: str) -> RunLog:
    return RunLog(path, masks=masks, began=BEGAN)


def test_banner_output_and_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = open_log(path)
    assert record(Container(*lines(2)), "h", log) == Exit(3)  # type: ignore[arg-type]
    log.end("The app ended.")
    log.end("twice")
    assert texts(path) == [
        "===== Application Startup at 2026-11-24 12:00:00 =====",
        "line 0",
        "line 1",
        "===== Application ended: The app ended =====",
    ]
    stamps = [entry.timestamp for entry in logbook.read(path)]
    assert stamps[1:3] == [line.stamp for line in lines(2)]


def test_taken_up_again_behind_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    first = open_log(path)
    for line in lines(3):
        first.line(line)
    again = open_log(path)
    record(Container(*lines(6)), "h", again)  # type: ignore[arg-type]
    assert texts(path)[1:] == [f"line {n}" for n in range(6)]
    assert again.last_words[-6:] == [f"line {n}" for n in range(6)]


def test_an_end_that_was_told_before_a_crash_of_ours_is_not_told_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    open_log(path).end("The app ended.")
    open_log(path).end("The app ended.")
    assert sum("ended" in text for text in texts(path)) == 1


def test_secret_values_are_in_neither_file_nor_last_words(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = open_log(path, "correct-horse-battery")
    log.line(LogLine("2026-11-24T12:00:01.000000000Z", "token=correct-horse-battery"))
    log.close()
    assert texts(path)[-1] == "token=********"
    assert log.last_words[-1] == "token=********"


def test_a_writer_that_was_closed_writes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = open_log(path)
    log.close()
    log.line(lines(1)[0])
    assert len(texts(path)) == 1
