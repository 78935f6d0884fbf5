"""One build from revision to artifact; blocks, knows neither queue nor ledger.

prepare: lay the revision out, plan; finished already when nothing has to be made
make:    environment, image or folder, within the attempt's time
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from builder import artifacts
from builder.bases import BaseImages, choose
from builder.checkout import Checkouts
from builder.environment import Environments, Made
from builder.files import reader
from builder.folder import Folders
from builder.image import Images
from builder.inputs import Settings
from builder.places import Places
from builder.plan import plan as make_plan
from builder.plan.context import Context
from builder.plan.model import AppPlan, BuildPlan, EnvironmentPlan, FolderPlan, ImagePlan
from builder.step import Attempt
from config.builder import BuilderSettings
from config.sdks import SdkCatalogue
from spaceport.artifact import Artifact
from spaceport.egress import DEFAULT_EGRESS, Egress
from spaceport.engine import Engine
from spaceport.failpoints import failpoint
from spaceport.names import SpaceKey

Reveal = Callable[[], Mapping[str, str]]
"""Opens the Space's secrets; called only for a Dockerfile that mounts some."""


@dataclass(frozen=True)
class Previous:
    """What the newest successful build of the same Space used."""

    inputs: str = ""
    lock: str = ""
    private: bool = False


@dataclass(frozen=True)
class Task:
    """What is to be built."""

    key: SpaceKey
    revision: str
    settings: Settings = field(default_factory=Settings)
    previous: Previous = Previous()
    factory: bool = False  # trust no cache
    egress: Egress = DEFAULT_EGRESS
    repository: SpaceKey | None = None  # where the revision is; None: the Space's own


@dataclass(frozen=True)
class Result:
    artifact: Artifact
    plan: Mapping[str, Any]  # to be kept with the build
    lock: str = ""


@dataclass(frozen=True)
class Prepared:
    """`result` is there when nothing had to be made."""

    task: Task
    plan: BuildPlan
    checkout: Path
    result: Result | None = None


class Session:
    def __init__(
        self,
        places: Places,
        settings: BuilderSettings,
        catalogue: SdkCatalogue,
        engine: Engine,
        bases: BaseImages,
        checkouts: Checkouts,
        environments: Environments,
        images: Images,
        folders: Folders,
    ) -> None:
        self._places = places
        self._settings = settings
        self._catalogue = catalogue
        self._engine = engine
        self._bases = bases
        self._checkouts = checkouts
        self._environments = environments
        self._images = images
        self._folders = folders

    def prepare(self, task: Task, attempt: Attempt) -> Prepared:
        """Raises `BuildFailed`, `EngineDown`, `NotFound` when the revision is gone."""
        checkout = self._checkouts.lay_out(task.key, task.revision, task.repository)
        failpoint("build:after-checkout")
        attempt.check()
        plan = make_plan(reader(checkout), self._context(task))
        for note in plan.notes:
            attempt.say(note)
        prepared = Prepared(task, plan, checkout)
        return replace(prepared, result=self._without_work(prepared))

    def make(self, prepared: Prepared, attempt: Attempt, reveal: Reveal) -> Result:
        """Raises `BuildFailed`, `EngineDown`, `TimeoutError`, `InterruptedError`."""
        plan = prepared.plan
        if isinstance(plan, AppPlan):
            return self._make_app(prepared, plan, attempt)
        if isinstance(plan, ImagePlan):
            return self._make_image(prepared, plan, attempt, reveal)
        return self._make_folder(prepared, plan, attempt)

    def _context(self, task: Task) -> Context:
        default = self._catalogue.default_python
        return Context(
            key=task.key,
            revision=task.revision,
            catalogue=self._catalogue,
            settings=self._settings,
            choose_base=lambda asked: choose(self._bases, asked, default),
            probe=self._engine.probe,
            with_packages=self._bases.with_packages,
            variables=task.settings.variables,
            secret_versions=task.settings.secret_versions,
        )

    def _without_work(self, prepared: Prepared) -> Result | None:
        """The code-only push: the environment is there, and only the checkout is new."""
        plan, task = prepared.plan, prepared.task
        if isinstance(plan, FolderPlan) and plan.command is None:
            return self._folder_result(plan, prepared.checkout)
        if task.factory or not isinstance(plan, AppPlan) or plan.environment.system_packages:
            return None
        wanted, lock = self._wanted(plan.environment, task)
        found = self._environments.ready(wanted, lock)
        return None if found is None else self._app_result(prepared, plan, found, image="")

    def _wanted(self, plan: EnvironmentPlan, task: Task) -> tuple[EnvironmentPlan, str]:
        """The versions of the last build of this Space when it asked for the same; else those
        that others got. A plan that turned out to need a private place needs it again."""
        previous = task.previous
        if task.factory or previous.inputs != plan.inputs:
            return plan, "" if task.factory else self._environments.known_lock(plan)
        if previous.private and plan.shared:
            return replace(plan, owner=task.key), previous.lock
        return plan, previous.lock

    def _make_app(self, prepared: Prepared, plan: AppPlan, attempt: Attempt) -> Result:
        task, environment = prepared.task, plan.environment
        image = ""
        if environment.system_packages:
            image = self._images.with_system_packages(
                environment.base, environment.system_packages, attempt, anew=task.factory
            )
        wanted, lock = self._wanted(environment, task)
        made = self._environments.make(
            wanted,
            attempt,
            lock=lock,
            image=image,
            checkout=prepared.checkout,
            anew=task.factory,
        )
        return self._app_result(prepared, plan, made, image)

    def _app_result(self, prepared: Prepared, plan: AppPlan, made: Made, image: str) -> Result:
        artifact = artifacts.of_app(
            plan,
            image=image or plan.environment.base.reference,
            environment=self._places.relative(self._places.environment(made.name)),
            checkout=self._places.relative(prepared.checkout),
            link_from=self._settings.link_from,
            fast_start=self._settings.fast_start,
        )
        about = {**plan.to_json(), "private": not made.plan.shared, "fingerprint": made.name}
        return Result(artifact, about, made.lock)

    def _make_image(
        self, prepared: Prepared, plan: ImagePlan, attempt: Attempt, reveal: Reveal
    ) -> Result:
        task = prepared.task
        tag = self._images.of_space(
            plan,
            attempt,
            prepared.checkout,
            variables=task.settings.variables,
            secrets=reveal() if plan.secrets else {},
            anew=task.factory,
        )
        return Result(artifacts.of_image(plan, tag), plan.to_json())

    def _make_folder(self, prepared: Prepared, plan: FolderPlan, attempt: Attempt) -> Result:
        if plan.command is None:
            return self._folder_result(plan, prepared.checkout)
        base = choose(self._bases, None, self._catalogue.default_python).base
        image = self._folders.image(base)
        attempt.say(f"Running app_build_command in {image}: {plan.command}")
        folder = self._folders.build(
            attempt,
            prepared.checkout,
            image=image,
            command=plan.command,
            app_file=plan.app_file,
            variables=prepared.task.settings.variables,
        )
        return self._folder_result(plan, folder)

    def _folder_result(self, plan: FolderPlan, folder: Path) -> Result:
        artifact = artifacts.of_folder(self._places.relative(folder), plan.app_file)
        return Result(artifact, plan.to_json())
