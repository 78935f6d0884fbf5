"""What a Space's page must know to keep itself up to date: small, and asked for often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.web.templating import STAGE_NAMES, tone
from spaceport.ledger.overview import Overview
from spaceport.sdk import Sdk
from spaceport.stage import Stage

_PLAIN = {
    Stage.NO_APP_FILE: ("No application file", "There is nothing to run here yet."),
    Stage.CONFIG_ERROR: ("Configuration error", "This Space cannot start as it is set up."),
    Stage.BUILDING: ("Building", "The newest version is being built."),
    Stage.BUILD_ERROR: ("Build error", "The last build failed."),
    Stage.APP_STARTING: ("Starting", "The app was started and has not answered yet."),
    Stage.RUNTIME_ERROR: ("Runtime error", "The app has stopped with an error."),
    Stage.PAUSED: ("Paused", "This Space was paused by its owner."),
    Stage.SLEEPING: ("Asleep", "Nobody used it for a while. It wakes up when it is opened."),
    Stage.DELETING: ("Being deleted", "This Space is being deleted."),
}


@dataclass(frozen=True)
class Status:
    """`panel` is what the App tab shows: `app`, `guide`, `wake`, `waiting` or `stopped`.

    `build` and `run` name the logs; they change when another one is the newest. `version` changes
    when another version of the app answers.
    """

    stage: Stage
    panel: str
    title: str
    sentence: str
    hint: str
    build: str
    run: str
    building: bool
    version: str
    revision: str

    def to_json(self) -> dict[str, Any]:
        return {
            "stage": self.stage.value,
            "stageName": STAGE_NAMES[self.stage],
            "tone": tone(self.stage),
            "settled": self.stage.settled,
            "panel": self.panel,
            "title": self.title,
            "sentence": self.sentence,
            "hint": self.hint,
            "build": self.build,
            "run": self.run,
            "building": self.building,
            "version": self.version,
            "revision": self.revision,
        }


def status_of(view: Overview, newest_replica: str, *, manager: bool) -> Status:
    """Pure. Managers are told the cause; others only what state it is (8.4)."""
    standing = view.standing
    stage = standing.stage
    title, sentence = _PLAIN.get(stage, (STAGE_NAMES[stage], ""))
    hint = ""
    if standing.explanation is not None:
        if stage.serving:
            title = "The newest push is not running; the version before it is"
        sentence = standing.explanation.sentence
        hint = standing.explanation.hint if manager else ""
    live = view.live
    return Status(
        stage=stage,
        panel=_panel(stage, manager),
        title=title,
        sentence=sentence,
        hint=hint,
        build=view.build.id if view.build and manager else "",
        run=newest_replica if manager and view.space.sdk is not Sdk.STATIC else "",
        building=view.build is not None and view.build.state.open,
        version=live.id if live else "",
        revision=view.space.head or "",
    )


def _panel(stage: Stage, manager: bool) -> str:
    if stage.serving:
        return "app"
    if stage is Stage.NO_APP_FILE and manager:
        return "guide"
    if stage is Stage.SLEEPING:
        return "wake"
    return "stopped" if stage.settled else "waiting"
