"""`make coverage-of-contracts ARGS="security.md ..."`: numbered requirements and their tests.

Reads the requirement ids (`GIT-02`) of the given contract files and the `req` markers of the tests;
without files it lists what the tests claim to cover.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parents[1]
DEFINED = re.compile(r"^- \*\*([A-Z]+-\d+)\*\* \[(P\d)\]|\*\*([A-Z]+-\d+)\*\* \[(P\d)\]", re.M)
MARKER = re.compile(r"""mark\.req\(([^)]*)\)""")
ID = re.compile(r"""["']([A-Z]+-\d+)["']""")


def covered() -> dict[str, list[str]]:
    """Each id with the test files that carry it."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(TESTS.rglob("test_*.py")):
        for marker in MARKER.findall(file.read_text()):
            for requirement in ID.findall(marker):
                found[requirement].append(str(file.relative_to(TESTS)))
    return found


def required(files: list[Path]) -> dict[str, str]:
    """Each id of the contracts with its priority."""
    found: dict[str, str] = {}
    for file in files:
        for first, priority, second, other in DEFINED.findall(file.read_text()):
            found[first or second] = priority or other
    return found


def main(argv: list[str]) -> int:
    tested = covered()
    wanted = required([Path(name) for name in argv])
    for requirement, files in sorted(tested.items()):
        print(f"{requirement:8} {wanted.get(requirement, ''):3} {', '.join(sorted(set(files)))}")
    missing = sorted((priority, name) for name, priority in wanted.items() if name not in tested)
    for priority, name in missing:
        print(f"{name:8} {priority:3} no test")
    print(f"{len(tested)} ids have a test; {len(missing)} of {len(wanted)} given ids have none")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
