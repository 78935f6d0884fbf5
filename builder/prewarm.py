"""Installing the default SDK versions before anybody asks, so that a first build is quick."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from builder.bases import BaseImages, choose
from builder.environment import Environments
from builder.failed import BuildFailed
from builder.plan.model import EnvironmentPlan
from builder.step import Attempt
from config.builder import BuilderSettings
from config.sdks import SdkCatalogue
from spaceport.engine import EngineDown, EngineRefused
from spaceport.sdk import Sdk

logger = logging.getLogger(__name__)


class Prewarm:
    def __init__(
        self,
        catalogue: SdkCatalogue,
        bases: BaseImages,
        environments: Environments,
        settings: BuilderSettings,
    ) -> None:
        self._catalogue = catalogue
        self._bases = bases
        self._environments = environments
        self._settings = settings

    @property
    def sdks(self) -> tuple[Sdk, ...]:
        return tuple(self._catalogue.sdks) if self._settings.prewarm else ()

    def install(self, sdk: Sdk, stop_asked: Callable[[], bool]) -> bool:
        """What a Space of that SDK gets which asks for nothing else. Never raises for what only
        makes later builds slower; says whether it is there."""
        attempt = Attempt(
            build_id=f"prewarm-{sdk.value}",
            space_key="",
            say=logger.debug,
            output=logger.debug,
            stop_asked=stop_asked,
            deadline=time.monotonic() + self._settings.timeout,
        )
        try:
            made = self._environments.make(self._plan(sdk), attempt)
        except (BuildFailed, EngineDown, EngineRefused, OSError) as error:
            logger.warning("%s could not be installed ahead: %s", sdk.value, error or "stopped")
            return False
        logger.info("%s is installed for new Spaces (%s)", sdk.value, made.name)
        return True

    def _plan(self, sdk: Sdk) -> EnvironmentPlan:
        found = self._catalogue.sdks[sdk]
        base = choose(self._bases, None, self._catalogue.default_python).base
        requirements = (found.requirement(found.default_version), *found.packages)
        return EnvironmentPlan(base=base, requirements=requirements)
