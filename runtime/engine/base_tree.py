"""A base image without a registry: this machine's Python and a small userland as a folder.

The running interpreter, every library that it or its modules are linked with, and busybox (or the
host's own small tools) make a tree of about 70 MB in two seconds (contracts/engine.md 1). Docker
imports it (`Engine.import_tree`), the process engine runs from it directly. It holds `python3`,
`python` and `sh`, has a user 1000, and no pip: dependencies are installed by uv.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.engine.base_files import FILES, FOLDERS, LINKS, PASSWORDLESS_USER
from runtime.engine.shared_libraries import copy_libraries
from runtime.engine.userland import add_userland
from spaceport.engine import Engine
from spaceport.errors import Misconfigured

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
USER = PASSWORDLESS_USER

_LEFT_OUT = shutil.ignore_patterns(
    "*.opt-1.pyc", "*.opt-2.pyc", "test", "tests", "idle_test", "idlelib", "tkinter", "turtledemo",
    "turtle.py", "ensurepip", "lib2to3", "site-packages", "dist-packages", "config-*", "*.a",
    "*.o", "_tkinter*.so", "_test*.so", "xxlimited*.so",
)  # fmt: skip
_RECIPE = ("base_tree.py", "base_files.py", "shared_libraries.py", "userland.py")
_QUESTION = """
import json, platform, ssl, sys, sysconfig
print(json.dumps({
    "version": platform.python_version(),
    "executable": getattr(sys, "_base_executable", sys.executable),
    "stdlib": sysconfig.get_path("stdlib"),
    "include": sysconfig.get_path("include"),
    "libdir": sysconfig.get_config_var("LIBDIR"),
    "cafile": ssl.get_default_verify_paths().openssl_cafile,
}))
"""


@dataclass(frozen=True)
class BaseTree:
    """A folder that can be `/` of a container, and the name under which engines know it."""

    path: Path
    reference: str  # spaceport-base:py3.11-0123456789ab
    python: str  # "3.11.7"
    env: Mapping[str, str]


@dataclass(frozen=True)
class Interpreter:
    """What an installed Python says about itself."""

    version: str
    executable: Path
    stdlib: Path
    include: Path
    libdir: Path
    cafile: str

    @property
    def short(self) -> str:
        """`3.11`"""
        return ".".join(self.version.split(".")[:2])


def ask_interpreter(prefix: Path) -> Interpreter:
    """Raises `Misconfigured` when `prefix` holds no Python that runs."""
    names = (f"python{sys.version_info.major}.{sys.version_info.minor}", "python3", "python")
    found = [prefix / "bin" / name for name in names if (prefix / "bin" / name).exists()]
    if not found:
        raise Misconfigured(f"There is no Python interpreter in {prefix}/bin.")
    asked = subprocess.run(
        [str(found[0]), "-I", "-c", _QUESTION], capture_output=True, text=True, timeout=30
    )
    if asked.returncode != 0:
        raise Misconfigured(f"{found[0]} does not run: {asked.stderr.strip()[-300:]}")
    told = json.loads(asked.stdout)
    return Interpreter(
        told["version"],
        Path(told["executable"]).resolve(),
        Path(told["stdlib"]),
        Path(told["include"]),
        Path(told["libdir"]),
        told["cafile"],
    )


def reference_of(interpreter: Interpreter) -> str:
    """Names the tree by everything that it is made from: recipe, Python and certificates."""
    digest = hashlib.sha256()
    for name in _RECIPE:
        digest.update(Path(__file__).with_name(name).read_bytes())
    digest.update(f"{interpreter.version} {interpreter.executable} {os.uname().machine}".encode())
    if CERTIFICATES.exists():
        digest.update(CERTIFICATES.read_bytes())
    return f"spaceport-base:py{interpreter.short}-{digest.hexdigest()[:12]}"


def make_base_tree(destination: Path, python: str | Path = sys.base_prefix) -> BaseTree:
    """Make the tree in a folder of its own under `destination`, unless it is there already.

    `python` is the prefix of an installed interpreter (`/usr`, `sys.base_prefix`). The folder
    appears at once and whole. Raises `Misconfigured` when the host lacks a part.
    """
    interpreter = ask_interpreter(Path(python))
    reference = reference_of(interpreter)
    path = destination / reference.replace(":", "-")
    if not path.exists():
        destination.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=".making-", dir=destination))
        try:
            _fill(half, interpreter)
            half.chmod(0o755)
            rename_into_place(half, path)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    return BaseTree(path, reference, interpreter.version, ENV)


def ensure_base(engine: Engine, destination: Path, python: str | Path = sys.base_prefix) -> str:
    """Make the base known to `engine` and return its reference."""
    reference = reference_of(ask_interpreter(Path(python)))
    if not engine.has_image(reference):
        tree = make_base_tree(destination, python)
        engine.import_tree(tree.path, tree.reference, tree.env)
    return reference


def rename_into_place(half: Path, path: Path) -> None:
    try:
        half.rename(path)
    except OSError:
        if not path.exists():  # else somebody else was faster, with the same content
            raise


def _fill(root: Path, interpreter: Interpreter) -> None:
    for folder, mode in FOLDERS.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder).chmod(mode)
    for link, target in LINKS.items():
        (root / link).symlink_to(target)
    for name, text in FILES.items():
        (root / name).write_text(text)
    _own_home(root)
    modules = copy_interpreter(root, interpreter)
    add_userland(root)
    copy_libraries(root, modules)
    _add_certificates(root, interpreter)


def _own_home(root: Path) -> None:
    home = root / "home" / "user"
    if os.geteuid() == 0:
        os.chown(home, *USER)
    else:
        home.chmod(0o1777)  # the owner cannot be set, and nobody else lives in this container


def copy_interpreter(root: Path, interpreter: Interpreter) -> list[Path]:
    """Into /usr/local; returns the host's files whose libraries are needed."""
    local = root / "usr" / "local"
    name = f"python{interpreter.short}"
    shutil.copy2(interpreter.executable, local / "bin" / name)
    for alias in ("python3", "python"):
        (local / "bin" / alias).symlink_to(name)
    stdlib = local / "lib" / name
    shutil.copytree(interpreter.stdlib, stdlib, ignore=_LEFT_OUT, symlinks=False)
    (stdlib / "site-packages").mkdir()
    for library in interpreter.libdir.glob("libpython*.so*"):
        shutil.copy2(library, local / "lib" / library.name, follow_symlinks=False)
    if interpreter.include.is_dir():
        shutil.copytree(interpreter.include, local / "include" / name)
    dynamic = sorted((interpreter.stdlib / "lib-dynload").glob("*.so"))
    return [interpreter.executable, *(path for path in dynamic if "_tkinter" not in path.name)]


def _add_certificates(root: Path, interpreter: Interpreter) -> None:
    """Where Python's OpenSSL looks by itself, so that no variable is needed."""
    if not CERTIFICATES.exists():
        return
    inside = root / CERTIFICATES.relative_to("/")
    inside.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(CERTIFICATES, inside)
    for wanted in ("/usr/lib/ssl/cert.pem", interpreter.cafile):
        link = root / wanted.lstrip("/")
        if wanted and not link.exists() and ".." not in link.parts:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(CERTIFICATES)
