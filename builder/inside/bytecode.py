"""Give every module of an environment its bytecode, from a store where it is there already.

    python -I -S bytecode.py VENV STORE FINAL

FINAL is the path under which the environment will be seen (tracebacks name it). Bytecode is keyed
by the content of the module itself, its path and this interpreter. A key made of what a package
says about itself (RECORD) would let a hostile package put its bytecode in the place of another's.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import py_compile
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

TAG = sys.implementation.cache_tag
VERSION = importlib.util.MAGIC_NUMBER + sys.version.encode()
MANY = 64  # from so many modules on a second process pays


def main(venv: Path, store: Path, final: str) -> int:
    missing = []
    linked = 0
    for module in _modules(venv):
        path = module.relative_to(venv).as_posix()
        key = hashlib.sha256(VERSION + path.encode() + b"\0" + module.read_bytes()).hexdigest()
        kept = store / key[:2] / f"{key}.pyc"
        target = module.parent / "__pycache__" / f"{module.stem}.{TAG}.pyc"
        if _link(kept, target):
            linked += 1
        else:
            missing.append((str(module), str(kept), str(target), f"{final}/{path}"))
    compiled = sum(_compile_all(missing))
    print(f"Bytecode: {linked} modules from the store, {compiled} compiled.", flush=True)
    return 0


def _modules(venv: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(venv / "lib"):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            path = Path(folder, name)
            if name.endswith(".py") and not path.is_symlink():
                yield path


def _link(kept: Path, target: Path) -> bool:
    try:
        os.link(kept, target)
    except FileNotFoundError:
        if not kept.exists():
            return False
        target.parent.mkdir(exist_ok=True)
        os.link(kept, target)
    except FileExistsError:
        return True
    return True


def _compile_all(missing: list[tuple[str, str, str, str]]) -> list[int]:
    if len(missing) < MANY:
        return [_compile(job) for job in missing]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        return list(pool.map(_compile, missing, chunksize=32))


def _compile(job: tuple[str, str, str, str]) -> int:
    """1 when it could be compiled; packages do carry files that are not valid Python."""
    module, kept, target, name = job
    partial = f"{kept}.{os.getpid()}"
    os.makedirs(os.path.dirname(kept), exist_ok=True)
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    try:
        py_compile.compile(module, partial, name, doraise=True, invalidation_mode=mode)
    except (py_compile.PyCompileError, ValueError, RecursionError, MemoryError, SyntaxError):
        return 0
    os.replace(partial, kept)
    _link(Path(kept), Path(target))
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
