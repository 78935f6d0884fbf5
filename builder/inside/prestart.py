"""Import what an app will need, wait for one order that says which app, and become it.

    python prestart.py APP MODULE...

One use, one app. APP is the folder where apps run. `SPACEPORT_PRESTART=PORT:KEY` says where to
wait and who may give the order. The wire, each a line: KEY from the caller; from here, as JSON,
`{"read": [...]}`, the variables that were read while importing; then the order, `{"command": [...],
"env": {...}}`, the very ones of a plain start; then `{"ok": true}`. A caller that leaves before its
order changes nothing. What cannot be done in place is done by the plain command: slower, the same.
"""

from __future__ import annotations

import builtins
import gc
import hmac
import importlib
import json
import os
import runpy
import socket
import sys
from importlib.machinery import SourceFileLoader
from types import CodeType, FrameType, ModuleType
from typing import Any, ClassVar

MOST = 16 * 1024 * 1024  # bytes of a line
PATIENCE = 10.0  # seconds for each line of a caller


class _Noting(os._Environ):  # type: ignore[type-arg]
    """The environment, with a note of what was asked for."""

    noted: ClassVar[set[str]] = set()

    def __getitem__(self, name: str) -> str:
        self.noted.add(name)
        return super().__getitem__(name)  # type: ignore[no-any-return]


def main(app: str, modules: list[str]) -> int:
    port, _, key = os.environ.pop("SPACEPORT_PRESTART").partition(":")
    os.makedirs(app, exist_ok=True)
    os.chdir(app)
    boot, sys.path[0] = sys.path[0], app
    launch = _load(boot, "launch")
    read = import_all(modules)
    gc.collect()
    gc.freeze()  # the collector never looks through the imported again
    order = wait(int(port), key, read)
    os.environ.update(order["env"])
    become(order["command"], app, launch)
    return 1


def _load(folder: str, name: str) -> Any:
    """A script of ours, by a name that the app may use for its own."""
    loader = SourceFileLoader("_spaceport_" + name, os.path.join(folder, name + ".py"))
    module = ModuleType(loader.name)
    loader.exec_module(module)
    return module


def import_all(modules: list[str]) -> list[str]:
    """The first must be there; the others are what some versions of it import later. Returns the
    names of the variables that had a say in it."""
    plain = os.environ.__class__
    os.environ.__class__ = _Noting
    try:
        for number, name in enumerate(modules):
            try:
                importlib.import_module(name)
            except ModuleNotFoundError:
                if number == 0:
                    raise
    finally:
        os.environ.__class__ = plain
    return sorted(_Noting.noted)


def wait(port: int, key: str, read: list[str]) -> dict[str, Any]:
    """The order, once it came whole; nothing of this is open any more then."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("0.0.0.0", port))  # noqa: S104  the container's own address is what is dialled
        door.listen(8)
        while True:
            caller, _ = door.accept()
            with caller:
                try:
                    caller.settimeout(PATIENCE)
                    order = _ask(caller, key, read, door)
                except (OSError, ValueError):
                    if door.fileno() < 0:
                        raise  # nobody knows whether it was taken, so it must not be
                    continue
                if order is not None:
                    return order


def _ask(
    caller: socket.socket, key: str, read: list[str], door: socket.socket
) -> dict[str, Any] | None:
    with caller.makefile("rwb") as lines:
        if not hmac.compare_digest(lines.readline(MOST).strip(), key.encode()):
            return None
        lines.write(json.dumps({"read": read}).encode() + b"\n")
        lines.flush()
        line = lines.readline(MOST)
        if not line.endswith(b"\n"):
            return None
        order: dict[str, Any] = json.loads(line)
        door.close()  # before the answer: whoever knows that it was taken sees nobody wait
        lines.write(b'{"ok": true}\n')
        lines.flush()
        return order


def become(command: list[str], app: str, launch: Any) -> None:
    """Do what `command` does, which begins with the launcher: see launch.py."""
    code, link_from, words = command[4], int(command[6]), command[7:]
    launch.prepare(code, app, link_from)
    program = words[1:]
    if not program or words[0] != sys.executable or _needs_anew(program, app):
        os.execvp(words[0], words)
    importlib.invalidate_caches()
    sys.path_importer_cache.clear()
    sys.orig_argv = list(words)
    if program[0] == "-m":
        sys.argv = ["-m", *program[2:]]
        _new_main()
        _tell(runpy._run_module_as_main, program[1])  # type: ignore[attr-defined]
    else:
        _run_script(program)


def _needs_anew(program: list[str], app: str) -> bool:
    """Whether an interpreter that starts in the app's folder would do something else."""
    if program[0] == "-m":
        folders = {app}
    elif program[0].startswith("-") or not os.path.isfile(program[0]):
        return True
    else:
        folders = {app, os.path.dirname(os.path.realpath(program[0]))}
    imported = {name.partition(".")[0] for name in sys.modules} - {"__main__"}
    imported |= {"sitecustomize", "usercustomize"}
    return any(name in imported for folder in folders for name in _modules_in(folder))


def _modules_in(folder: str) -> set[str]:
    """Names that an import would find there, before it looks among what is installed."""
    with os.scandir(folder) as entries:
        return {
            entry.name.partition(".")[0]
            for entry in entries
            if entry.name.endswith((".py", ".pyc", ".so"))
            or os.path.isfile(os.path.join(entry.path, "__init__.py"))
        }


def _run_script(program: list[str]) -> None:
    """As `python SCRIPT ...` does (the language reference, "Complete Python programs")."""
    path = os.path.abspath(program[0])
    sys.argv = list(program)
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    main_module = _new_main()
    main_module.__dict__.update(
        __file__=path,
        __cached__=None,
        __loader__=SourceFileLoader("__main__", path),
        __annotations__={},
    )
    _tell(_Script("__main__", path).exec_module, main_module)


def _new_main() -> ModuleType:
    module = ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = module
    return module


class _Script(SourceFileLoader):
    """Runs a file that is nobody's module: no bytecode of it is read or written."""

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        code: CodeType = compile(source, self.path, "exec", dont_inherit=True)
        return code


def _tell(run: Any, *arguments: Any) -> None:
    """End as the interpreter does after a script; the traceback begins in the app."""
    try:
        run(*arguments)
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and _is_ours(trace.tb_frame):
            trace = trace.tb_next
        error.__traceback__ = trace
        sys.excepthook(type(error), error, trace)
        sys.exit(1)
    sys.exit(0)


def _is_ours(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return frame.f_globals is globals() or file.startswith("<frozen importlib.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
