"""What one does without Spaceport: a Dockerfile with `pip install`, and `docker run`."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import uv

from config.sdks import SdkCatalogue
from runtime.engine.docker_engine import DockerEngine
from spaceport.engine import ContainerSpec, ImageBuild, Limits
from spaceport.sdk import Sdk

PORT = 7860


class ByHand:
    """pip's downloads are kept in a cache mount, as a careful person would."""

    def __init__(self, engine: DockerEngine, base: str, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._number = 0
        self._name = f"by-hand-{secrets.token_hex(4)}"
        self._public = f"{self._name}-base:1"
        engine.tag_image(base, self._public)
        pip = folder / "pip"
        command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--target", str(pip), "pip"]
        subprocess.run(command, check=True)
        bundle = os.environ.get("SSL_CERT_FILE")
        if bundle:
            shutil.copyfile(bundle, folder / "ca.pem")
        else:
            (folder / "ca.pem").write_text("")
        trust = "ENV PIP_CERT=/opt/ca.pem SSL_CERT_FILE=/opt/ca.pem\n" if bundle else ""
        (folder / "Dockerfile").write_text(
            f"FROM {self._public}\nCOPY pip /opt/pip\nCOPY ca.pem /opt/ca.pem\n{trust}"
            "COPY requirements.txt /app/requirements.txt\n"
            f"RUN --mount=type=cache,id={self._name},target=/root/.cache/pip "
            "PYTHONPATH=/opt/pip python3 -m pip install -q -r /app/requirements.txt\n"
            "COPY app.py /app/app.py\nWORKDIR /app\n"
            f"ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_ANALYTICS_ENABLED=False\n"
            'CMD ["python3", "app.py"]\n'
        )

    @property
    def tag(self) -> str:
        return f"{self._name}:{self._number}"

    def build(self, requirements: bytes, app: bytes) -> float:
        """Seconds."""
        sdk = SdkCatalogue.load().sdks[Sdk.GRADIO]
        asked = "\n".join((sdk.requirement(sdk.default_version), *sdk.packages)) + "\n"
        (self._folder / "requirements.txt").write_bytes(asked.encode() + requirements)
        (self._folder / "app.py").write_bytes(app)
        self._number += 1
        started = time.monotonic()
        build = ImageBuild(context=self._folder, dockerfile="Dockerfile", tag=self.tag)
        self._engine.build_image(build, lambda line: None, timeout=900)
        return time.monotonic() - started

    def start(self) -> float:
        """Seconds from nothing to the first answer."""
        spec = ContainerSpec(
            name=f"{self._name}-{self._number}",
            image=self.tag,
            user=None,
            read_only_root=False,
            limits=Limits(cpus=2, memory=4 << 30),
        )
        started = time.monotonic()
        handle = self._engine.start(spec)
        try:
            return first_answer(lambda: self._engine.connect(handle, PORT, 2), started)
        finally:
            self._engine.remove(handle)

    def remove(self) -> None:
        for number in range(1, self._number + 1):
            self._engine.remove_image(f"{self._name}:{number}")
        self._engine.remove_image(self._public)


def first_answer(connect: Callable[[], socket.socket], started: float, limit: float = 120) -> float:
    """Seconds since `started` until a request was answered."""
    while time.monotonic() - started < limit:
        try:
            with connect() as door:
                door.setblocking(True)
                door.settimeout(10)
                door.sendall(b"GET / HTTP/1.0\r\nHost: app\r\n\r\n")
                if b" 200 " in door.recv(64):
                    return time.monotonic() - started
        except OSError:
            pass
        time.sleep(0.02)
    raise SystemExit(f"no answer within {limit:g} s")
