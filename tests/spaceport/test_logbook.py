"""Logs: what reaches the file, in which form, and what a follower sees."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
from pathlib import Path
from urllib.parse import quote

import pytest

from spaceport.errors import Invalid
from spaceport.logbook import LogEntry, LogWriter, follow, log_path, read
from tests.waiting import aeventually

SECRET = "s3cr3t/with+odd =chars"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return log_path(tmp_path, "a" * 24, "build", "b" * 24)


def lines(path: Path) -> list[str]:
    return [entry.data for entry in read(path)]


def test_lines_are_stored_as_json_with_a_time(path: Path) -> None:
    with LogWriter(path) as log:
        log.write("one\ntw")
        log.write("o\n", stamp="2026-11-23T08:00:00.123Z")
        log.write("unfinished")
        assert lines(path) == ["one\n", "two\n"]
    assert lines(path) == ["one\n", "two\n", "unfinished\n"]
    stored = [json.loads(line) for line in path.read_text().splitlines()]
    assert set(stored[0]) == {"data", "timestamp"}
    assert stored[0]["timestamp"].endswith("Z")
    assert stored[1]["timestamp"] == "2026-11-23T08:00:00.123Z"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_has_no_name_outside_its_folder(tmp_path: Path) -> None:
    for key, id in (("..", "x"), ("a", "../x"), ("a", ""), ("a/b", "c")):
        with pytest.raises(Invalid):
            log_path(tmp_path, key, "run", id)


def test_bytes_split_inside_a_character_and_bytes_that_are_not_utf8(path: Path) -> None:
    with LogWriter(path) as log:
        for byte in "é🤗\n".encode():
            log.write(bytes([byte]))
        log.write(b"\xff\n")
    assert lines(path) == ["é🤗\n", "\ufffd\n"]


@pytest.mark.req("BLD-04")
@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        base64.b64encode(f"user:{SECRET}".encode()).decode(),
        base64.b64encode(f"u:{SECRET}:more".encode()).decode(),
        base64.b64encode(f"us:{SECRET}".encode()).decode(),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        quote(SECRET),
        quote(SECRET, safe=""),
        json.dumps({"token": SECRET}),
    ],
)
def test_secrets_are_masked_in_every_form_byte_by_byte(path: Path, form: str) -> None:
    with LogWriter(path, masks=[SECRET, "short"]) as log:
        for byte in f"token={form} end\nshort stays\n".encode():
            log.write(bytes([byte]))
    text = path.read_text()
    assert "********" in text
    assert "end" in text
    assert "short stays" in text
    assert SECRET not in text
    assert form[6:-6] not in text


@pytest.mark.req("BLD-04")
def test_a_secret_of_many_lines_and_one_across_the_line_limit(path: Path) -> None:
    pem = "-----BEGIN KEY-----\n" + "\n".join(f"MIIEvQIBADAN{n:04}" for n in range(400))
    with LogWriter(path, masks=[pem, "X" * 5000], line_limit=1000) as log:
        log.write(pem + "\n")
        log.write("a" * 990 + "X" * 5000 + "tail" * 5000 + "\nnext\n")
    text = path.read_text()
    assert "MIIEvQ" not in text
    assert "XXXXXXXX" not in text
    assert lines(path)[-1] == "next\n"


@pytest.mark.req("BLD-04")
@pytest.mark.parametrize("length", [256, 257, 263, 264, 512, 519])
def test_a_long_secret_is_hidden_to_its_last_character(path: Path, length: int) -> None:
    blocks = (hashlib.sha256(bytes([number])).hexdigest() for number in range(9))
    secret = "".join(blocks)[:length]
    with LogWriter(path, masks=[secret]) as log:
        log.write(f"<{secret}>\n")
    assert set(lines(path)[0].strip()) == set("<*>")


@pytest.mark.req("WEB-14")
@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[2J\x1b[Hx", "x"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;ZXZpbA==\x07x", "x"),
        ("\x1b]0;title", ""),
        ("\x1bPq#0\x1b\\x", "x"),
        ("\x9b31mx", "x"),
        ("a\x07b\x08c\x00d\x7f", "abcd"),
        ("10%\r50%\r100%", "100%"),
        ("done\r", "done"),
        ("abc\u202edef\u2066", "abcdef"),
        ("a\u2028b", "a b"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("tab\there", "tab\there"),
    ],
)
def test_only_text_and_colours_are_kept(path: Path, written: str, stored: str) -> None:
    with LogWriter(path) as log:
        log.write(written + "\n")
    assert lines(path) == [stored + "\n"]


@pytest.mark.req("WEB-14")
def test_a_line_without_end_is_cut_and_costs_no_memory(path: Path) -> None:
    with LogWriter(path) as log:
        for _ in range(160):
            log.write("x" * 65_536)
        log.write("\nnext\n")
    long, last = lines(path)
    assert long.endswith("… (line cut)\n")
    assert len(long) < 8 * 1024 + 20
    assert last == "next\n"


def test_a_progress_bar_that_never_ends_its_line(path: Path) -> None:
    with LogWriter(path) as log:
        for percent in range(20_000):
            log.write(f"\r{percent}%")
        log.write("\n")
    assert lines(path) == ["19999%\n"]


def test_a_full_log_says_so_once_and_still_takes_notes(path: Path) -> None:
    with LogWriter(path, limit=2000) as log:
        for number in range(100):
            log.write(f"line {number}\n")
        log.note("Exited with code 1.")
    found = lines(path)
    assert found[0] == "line 0\n"
    assert sum("This log is full" in line for line in found) == 1
    assert found[-1] == "Exited with code 1.\n"
    with LogWriter(path, limit=2000) as log:
        log.write("more\n")
    assert lines(path) == found


def test_a_log_goes_on_after_a_crash_that_tore_a_line(path: Path) -> None:
    with LogWriter(path) as log:
        log.write("one\n")
    with path.open("ab") as file:
        file.write(b'{"data": "to')
    with LogWriter(path) as log:
        log.write("two\n")
    assert lines(path) == ["one\n", "two\n"]


def test_many_threads_write_whole_lines(path: Path) -> None:
    with LogWriter(path) as log:
        writers = [
            threading.Thread(target=lambda n=n: [log.write(f"{n}-{i}\n") for i in range(200)])
            for n in range(5)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    found = lines(path)
    assert len(found) == 1000
    assert set(found) == {f"{n}-{i}\n" for n in range(5) for i in range(200)}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_loses_lines_but_fails_nobody(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    with LogWriter(path) as log:
        log.write("lost\n")
        assert log.lost


def test_writing_after_the_end_does_nothing(path: Path) -> None:
    log = LogWriter(path)
    log.close()
    log.close()
    log.write("late\n")
    log.note("late")
    assert lines(path) == []


async def test_followers_see_what_was_and_what_comes(path: Path) -> None:
    ended = False
    seen: list[list[LogEntry]] = [[], []]

    async def watch(into: list[LogEntry]) -> None:
        async for entry in follow(path, lambda: ended):
            into.append(entry)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for into in seen:
            group.create_task(watch(into))
        log = LogWriter(path)  # the followers were there before the file
        log.write("one\n")
        await aeventually(lambda: all(len(into) == 1 for into in seen))
        log.write("two\n")
        await aeventually(lambda: all(len(into) == 2 for into in seen))
        log.note("the end")
        log.close()
        ended = True
    assert [[entry.data for entry in into] for into in seen] == [
        ["one\n", "two\n", "the end\n"]
    ] * 2


async def test_a_follower_of_a_finished_log_reads_all_of_it_and_ends(path: Path) -> None:
    with LogWriter(path) as log:
        log.write("".join(f"line {number}\n" for number in range(20_000)))

    async def ended() -> bool:
        return True

    async with asyncio.timeout(20):
        found = [entry async for entry in follow(path, ended)]
    assert len(found) == 20_000
    assert found[-1].data == "line 19999\n"


async def test_a_half_written_line_is_given_once_it_is_whole(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"data": "o')
    seen: list[str] = []
    ended = False

    async def watch() -> None:
        async for entry in follow(path, lambda: ended):
            seen.append(entry.data)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(watch())
        await asyncio.sleep(0)
        with path.open("ab") as file:
            file.write(b'ne\\n", "timestamp": "Z"}\n')
        await aeventually(lambda: seen == ["one\n"])
        ended = True
