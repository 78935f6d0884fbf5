"""What the runtime promises of Spaces that sleep, change and are lost, beside its goals.

    python -m benchmarks runtime [PART ...] [options]

Parts, in this order where none is named:
- wake      a visit to a frozen Gradio Space, to one that was swapped out, to one that is stopped
- rollback  to the version before, beyond the bare start of the app
- frozen    many small Gradio Spaces: memory and CPU of each while it runs, frozen, swapped out
- asleep    many sleeping Spaces: what they cost Spaceport, against none
- changes   requests that failed while a Space was deployed, moved and given secrets, over and over
- killed    kill -9 of Spaceport among many Spaces: until ledger and engine agree again

Each starts a Spaceport of its own with the engine that `--engine` names, as a user would.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Report
from benchmarks.runtime import asleep, changes, frozen, killed, rollback, wake
from benchmarks.runtime.fleet import Fleet

Part = Callable[[Fleet, Report, argparse.Namespace], None]
PARTS: dict[str, Part] = {
    "wake": wake.run,
    "rollback": rollback.run,
    "frozen": frozen.run,
    "asleep": asleep.run,
    "changes": changes.run,
    "killed": killed.run,
}


def main(argv: list[str]) -> None:
    options = _options(argv)
    report = Report("runtime")
    for name in options.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="spaceport-bench-") as folder:
            fleet = Fleet.on(Path(folder) / "spaceport", options.engine)
            try:
                PARTS[name](fleet, report, options)
            finally:
                fleet.remove()
    report.finish()


def _options(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks runtime")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART")
    parser.add_argument("--engine", choices=("docker", "process"), default="docker")
    parser.add_argument("--rounds", type=int, default=30, help="visits to a frozen Space")
    parser.add_argument("--swapped", type=int, default=10, help="visits to a swapped-out Space")
    parser.add_argument("--stopped", type=int, default=5, help="visits to a stopped Space")
    parser.add_argument("--rollbacks", type=int, default=5)
    parser.add_argument("--frozen", type=int, default=50, help="Gradio Spaces frozen together")
    parser.add_argument("--asleep", type=int, default=200, help="sleeping Spaces")
    parser.add_argument("--deploys", type=int, default=50)
    parser.add_argument("--hardware", type=int, default=20, help="changes of hardware")
    parser.add_argument("--secrets", type=int, default=20, help="changes of secrets")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--small", action="store_true", help="changes: a small app, not Gradio")
    parser.add_argument("--killed", type=int, default=50, help="Spaces when Spaceport is killed")
    return parser.parse_args(argv)
