"""Containers that take over each other's addresses under load are never mixed up (PX-18)."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from spaceport.engine import NoSuchContainer
from tests.contracts.conftest import Rig
from tests.waiting import eventually

pytestmark = pytest.mark.engine

SERVER = """
import os, socket
listener = socket.create_server(("0.0.0.0", 7860), backlog=100)
while True:
    client, _ = listener.accept()
    client.sendall(os.environ["MARK"].encode())
    client.close()
"""
ROUNDS = 4


@pytest.mark.req("PX-18")
def test_addresses_that_are_given_out_again(rig: Rig) -> None:
    current: dict[str, str] = {}
    answers: Counter[bool] = Counter()
    over = threading.Event()

    def visit() -> None:
        while not over.is_set():
            for name, handle in tuple(current.items()):
                try:
                    with rig.engine.connect(handle, 7860, 5) as made:
                        made.settimeout(5)
                        said = made.recv(200)
                except (OSError, NoSuchContainer):
                    continue  # it was removed at this moment
                if said:
                    answers[said == f"{name}-{handle_marks[handle]}".encode()] += 1

    handle_marks: dict[str, int] = {}
    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        for number in range(ROUNDS):
            for name in ("a", "b") if number % 2 else ("b", "a"):
                old = current.get(name)
                if old is not None:
                    rig.engine.remove(old)
                mark = {"MARK": f"{name}-{number}"}
                handle = rig.started(SERVER, name=f"swap-{name}-{number}", env=mark)
                handle_marks[handle] = number
                current[name] = handle
            before = answers.total()
            eventually(lambda enough=before + 50: answers.total() > enough, timeout=30)
    finally:
        over.set()
        for visitor in visitors:
            visitor.join(20)
    assert answers[True] > 50 * ROUNDS
    assert answers[False] == 0
