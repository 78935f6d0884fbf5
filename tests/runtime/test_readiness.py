"""Asking an app that is a plain socket of ours until it answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from config.runtime import StartSettings
from runtime.diagnosis import Expectations
from runtime.readiness import Answer, Probe, ask
from spaceport.engine import Listening, NoSuchContainer

QUICK = StartSettings(probe_first=0.01, probe_most=0.02, probe_timeout=0.3)
Port = Callable[[], int]


@asynccontextmanager
async def app(*answers: bytes) -> AsyncIterator[int]:
    """A server whose n-th connection gets the n-th answer, and the last one for ever."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        answer = answers[min(len(heads), len(answers)) - 1]
        if answer == b"silence":
            await asyncio.sleep(30)
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def dial(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


def ok(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("answer", "healthy", "problem"),
    [
        (ok("200 OK"), True, "it answered 200"),
        (ok("404 Not Found"), True, "it answered 404"),
        (ok("302 Found"), True, "it answered 302"),
        (ok("500 Oops"), False, "it answered 500"),
        (b"HTTP/1.0 503\r\n\r\n", False, "it answered 503"),
        (b"220 mail.example ESMTP\r\n", False, "what it sent is not HTTP"),
        (b"x" * 5000, False, "what it sent is not HTTP"),
        (b"", False, "it closed the connection without an answer"),
        (b"silence", False, "no answer within 0.3 s"),
    ],
)
async def test_one_answer(answer: bytes, healthy: bool, problem: str) -> None:
    async with app(answer) as port:
        found = await ask(lambda: dial(port), "h", "/", seconds=0.3)
    assert (found.connected, found.healthy, found.problem) == (True, healthy, problem)


async def test_a_closed_port_is_no_answer() -> None:
    async with app(b"") as port:
        pass
    found = await ask(lambda: dial(port), "h", "/", seconds=0.3)
    assert not found.connected
    assert found == Answer(problem=found.problem)


async def nothing() -> tuple[Listening, ...]:
    return ()


async def test_it_is_asked_until_it_answers_well() -> None:
    changes: list[int] = []
    async with app(ok("500 a"), ok("503 b"), ok("200 c")) as port:
        probe = Probe(
            lambda: dial(port),
            nothing,
            Expectations(),
            "h",
            QUICK,
            changed=lambda: changes.append(1),
        )
        await asyncio.wait_for(probe.run(), 10)
    assert probe.findings.connected
    assert probe.findings.problem == "it answered 503"
    assert len(changes) == 2


async def test_the_end_of_the_container_ends_the_asking() -> None:
    async def gone() -> socket.socket:
        raise NoSuchContainer("it has ended")

    with pytest.raises(NoSuchContainer):
        await Probe(gone, nothing, Expectations(), "h", QUICK).run()


async def test_listening_elsewhere_is_noticed_and_forgotten_when_it_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runtime.readiness.LISTEN_EVERY", 0.02)
    ports = [(Listening("0.0.0.0", 5000),), (Listening("0.0.0.0", 7860),)]
    seen: list[float | None] = []

    async def listening() -> tuple[Listening, ...]:
        return ports[min(len(seen), 1)]

    async def refused() -> socket.socket:
        raise ConnectionRefusedError("nobody")

    probe = Probe(
        refused,
        listening,
        Expectations(port=7860),
        "h",
        QUICK,
        changed=lambda: seen.append(probe.misplaced_since),
    )
    running = asyncio.create_task(probe.run())
    async with asyncio.timeout(10):
        while not (seen and seen[-1] is None and any(seen)):
            await asyncio.sleep(0.01)
    running.cancel()
