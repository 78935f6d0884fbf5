"""Images: those of Docker Spaces, and bases with the Debian packages of packages.txt."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from builder import causes
from builder.bases import Base
from builder.failed import BuildFailed
from builder.fingerprint import fingerprint
from builder.folders import discard, fresh
from builder.places import Places
from builder.plan.model import ImagePlan
from builder.step import NETWORKS, Attempt, DiskGuard, stop_when
from config.builder import BuilderSettings
from spaceport.cause import Cause, Failure
from spaceport.engine import LABEL_BUILD, Engine, EngineRefused, ImageBuild, Network
from spaceport.masking import Masks

SPACE_TAG = "spaceport/space"
SYSTEM_TAG = "spaceport/system"
DOCKERFILE = "Dockerfile"


def space_tag(space_key: str, build_id: str) -> str:
    return f"{SPACE_TAG}-{space_key}:{build_id}"


def system_tag(base: Base, packages: tuple[str, ...]) -> str:
    return f"{SYSTEM_TAG}:{fingerprint(base=base.reference, packages=sorted(packages))}"


def system_dockerfile(base: Base, packages: tuple[str, ...]) -> str:
    """The exec form, and names that were checked: nothing a shell could read in them (BLD-10)."""
    install = ["apt-get", "install", "--yes", "--no-install-recommends", "--", *sorted(packages)]
    return "\n".join(
        (
            f"FROM {base.reference}",
            "USER root",
            "ENV DEBIAN_FRONTEND=noninteractive",
            'RUN ["apt-get", "update"]',
            f"RUN {_exec_form(install)}",
            "ENV DEBIAN_FRONTEND=",
            "",
        )
    )


def _exec_form(words: list[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _context(checkout: Path, context: Path, dockerfile: str) -> Path:
    """The checkout again, by hard links, with the Dockerfile that is really built."""
    shutil.copytree(checkout, context, symlinks=True, copy_function=os.link)
    (context / DOCKERFILE).unlink()
    (context / DOCKERFILE).write_text(dockerfile)
    return context


class Images:
    def __init__(self, engine: Engine, places: Places, settings: BuilderSettings) -> None:
        self._engine = engine
        self._places = places
        self._settings = settings

    def with_system_packages(
        self, base: Base, packages: tuple[str, ...], attempt: Attempt, *, anew: bool = False
    ) -> str:
        """The base with these Debian packages, made once for all Spaces that ask for them."""
        tag = system_tag(base, packages)
        if not anew and self._engine.has_image(tag):
            attempt.say(f"Debian packages are installed already: {' '.join(packages)}")
            return tag
        attempt.say(f"Installing Debian packages: {' '.join(packages)}")
        context = fresh(self._places.scratch)
        (context / DOCKERFILE).write_text(system_dockerfile(base, packages))
        build = ImageBuild(
            context=context,
            dockerfile=DOCKERFILE,
            tag=tag,
            labels={LABEL_BUILD: attempt.build_id},
            no_cache=anew,
        )
        try:
            self._build(build, attempt)
        except EngineRefused as error:
            failure = causes.of_system_packages([*attempt.tail, str(error)])
            raise BuildFailed(failure) from error
        finally:
            discard(context)
        return tag

    def of_space(
        self,
        plan: ImagePlan,
        attempt: Attempt,
        checkout: Path,
        *,
        variables: Mapping[str, str],
        secrets: Mapping[str, str],
        anew: bool = False,
    ) -> str:
        """Build the Dockerfile; the image's tag, which no other build has."""
        tag = space_tag(attempt.space_key, attempt.build_id)
        attempt.masks = Masks(secrets.values())
        scratch = fresh(self._places.scratch)
        context = _context(checkout, scratch / "context", plan.dockerfile)
        build = ImageBuild(
            context=context,
            dockerfile=DOCKERFILE,
            tag=tag,
            build_args={name: variables[name] for name in plan.arguments if name in variables},
            secrets={name: secrets[name] for name in plan.secrets if name in secrets},
            labels=attempt.labels,
            no_cache=anew,
        )
        try:
            self._build(build, attempt)
        except EngineRefused as error:
            raise BuildFailed(self._cause(attempt, error)) from error
        finally:
            discard(scratch)
        return tag

    def _build(self, build: ImageBuild, attempt: Attempt) -> None:
        if NETWORKS[attempt.egress.preset] is not Network.BUILD:
            raise BuildFailed.of(Cause.NETWORK_POLICY, policy=attempt.egress.preset.value)
        disk = DiskGuard(self._places.data, self._settings.disk_reserve)
        attempt.check()
        attempt.tail.clear()

        def hear(line: str) -> None:
            if not causes.is_noise(line):
                attempt.hear(line)

        try:
            self._engine.build_image(
                build,
                hear,
                timeout=attempt.remaining,
                cancelled=stop_when(attempt.stop_asked, disk),
            )
        except InterruptedError:
            disk.raise_if_full()
            raise

    def _cause(self, attempt: Attempt, error: EngineRefused) -> Failure:
        said = [attempt.masks.hide(line) for line in str(error).splitlines()]
        return causes.of_image([*attempt.tail, *said])
