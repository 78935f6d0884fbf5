"""`python -m benchmarks [NAME] [options]`: run one benchmark, or all in turn.

Each is a package or module of this folder with `main(argv)`; it prints a table and writes its
figures as JSON to `benchmarks/results/`.
"""

from __future__ import annotations

import importlib
import pkgutil
import signal
import sys

import benchmarks

HELPERS = {"__main__", "prestart", "report"}


def names() -> list[str]:
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in found if name not in HELPERS)


def main(argv: list[str]) -> int:
    wanted = argv[:1] or names()
    unknown = [name for name in wanted if name not in names()]
    if unknown:
        print(f"There is no benchmark {unknown[0]!r}. There are: {', '.join(names())}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended, too
    for name in wanted:
        importlib.import_module(f"benchmarks.{name}").main(argv[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
