"""`spaceport doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from hub.cli.common import Config, Data, say, settings_of, table

MARKS = {"good": "ok", "warning": "warning", "bad": "WRONG"}


def doctor(
    config: Config = None,
    data: Data = None,
    objects: Annotated[
        bool, typer.Option("--objects", help="Also read every large file, however long it takes.")
    ] = False,
) -> None:
    """Look whether everything is as it must be, and say how to mend what is not."""
    from hub.doctor import CHECKS, Verdict, effective, examine  # loads the engines' libraries
    from hub.doctor_objects import large_objects
    from hub.doctor_storage import storage

    settings = settings_of(data, config)
    checks = (*CHECKS, storage)
    findings = examine(settings, (*checks, large_objects) if objects else checks)
    for finding in findings:
        say(f"{MARKS[finding.verdict.value]:8} {finding.subject}: {finding.text}")
        if finding.hint:
            say(f"{'':8} {finding.hint}")
    say("\nSettings in effect:")
    table(("SETTING", "VALUE"), effective(settings))
    if any(finding.verdict is Verdict.BAD for finding in findings):
        raise typer.Exit(1)
