"""Stages and wanted states: the words that clients read (spaces-behaviour 8.1)."""

from enum import StrEnum


class Wanted(StrEnum):
    """What the owner (or the idle policy) asked for."""

    RUNNING = "running"
    PAUSED = "paused"
    ASLEEP = "asleep"


class Stage(StrEnum):
    NO_APP_FILE = "NO_APP_FILE"
    CONFIG_ERROR = "CONFIG_ERROR"
    BUILDING = "BUILDING"
    BUILD_ERROR = "BUILD_ERROR"
    APP_STARTING = "APP_STARTING"
    RUNNING = "RUNNING"
    RUNNING_BUILDING = "RUNNING_BUILDING"
    RUNNING_APP_STARTING = "RUNNING_APP_STARTING"
    RUNTIME_ERROR = "RUNTIME_ERROR"
    PAUSED = "PAUSED"
    SLEEPING = "SLEEPING"
    DELETING = "DELETING"

    @property
    def serving(self) -> bool:
        """Whether a request to the app's host is answered by the app."""
        return self.name.startswith("RUNNING")

    @property
    def settled(self) -> bool:
        """Whether clients stop waiting here (8.1, class "terminal")."""
        return not self.name.endswith(("BUILDING", "APP_STARTING"))
