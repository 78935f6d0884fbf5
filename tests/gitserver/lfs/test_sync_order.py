"""What an upload brings to the disk in which order, by the system calls of a server (DUR-12)."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gitserver.lfs.world import JSON, local, oid_of, serving
from tests.hub.wire import Wire
from tests.waiting import eventually

STEP = re.compile(
    r'(fsync|fdatasync)\(\d+<([^>]+)>\)|(rename)\w*\(.*?"([^"]+)", (?:AT_FDCWD<[^>]*>, )?"([^"]+)"'
)


@pytest.mark.req("DUR-12")
@pytest.mark.req("LFS-18")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_data_then_name_then_link_then_the_answer(tmp_path: Path) -> None:
    data, port, log = tmp_path / "data", tmp_path / "port", tmp_path / "trace"
    with serving(data) as hub:
        hub.space("sync/demo")
        token = hub.token("sync")
    content = os.urandom(3 << 20)
    oid = oid_of(content)
    traced = "trace=fsync,fdatasync,rename,renameat,renameat2,sendto,write,writev"
    server = [sys.executable, "-m", "tests.gitserver.lfs.world", str(data), str(port), "{}"]
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-s", "200", "-e", traced, "-o", str(log), *server],
        stderr=subprocess.DEVNULL,
    )
    try:
        wire = Wire(int(eventually(lambda: port.exists() and port.read_text(), 60)))
        asked = wire.ask(
            "POST",
            "/spaces/sync/demo.git/info/lfs/objects/batch",
            token=token,
            json_body={"operation": "upload", "objects": [{"oid": oid, "size": len(content)}]},
            headers=JSON,
        )
        put = local(asked.json()["objects"][0]["actions"]["upload"]["href"])
        assert wire.ask("PUT", put, body=content).status == 200
    finally:
        children = Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children").read_text().split()
        for child in children:  # strace ends with what it traces, and not before
            os.kill(int(child), signal.SIGKILL)
        tracer.wait(20)
    text = log.read_text(errors="replace")
    before, answered, _ = text.partition(f'ETag: \\"{oid}')
    assert answered
    found = []
    for match in STEP.finditer(before):
        what = f"sync {match[2]}" if match[1] else f"rename {match[5]}"
        found.append(re.sub(r"incoming/\d+-\w+/\w+", "incoming/X", what.replace(f"{data}/", "")))
    assert found[-5:] == [
        "sync objects/incoming/X",
        "sync objects",
        f"rename objects/{oid[:2]}/{oid}",
        f"sync objects/{oid[:2]}",
        "sync ledger.sqlite3-wal",
    ]
