"""Static Spaces with a build command: running it, and what of its output is served (3.6)."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from builder.bases import Base
from builder.failed import BuildFailed
from builder.folders import build_user, discard, fresh
from builder.places import APP, Places
from builder.step import Attempt, Steps
from config.builder import BuilderSettings
from spaceport.cause import Cause
from spaceport.engine import Mount
from spaceport.failpoints import failpoint


class Folders:
    def __init__(self, places: Places, settings: BuilderSettings, steps: Steps) -> None:
        self._places = places
        self._settings = settings
        self._steps = steps

    def image(self, base: Base) -> str:
        """Where the command runs: an image with the usual tools if there is one, else the base."""
        wanted = self._settings.build_image
        engine = self._steps.engine
        if wanted and (engine.has_image(wanted) or engine.pull(wanted)):
            return wanted
        return base.reference

    def build(
        self,
        attempt: Attempt,
        checkout: Path,
        *,
        image: str,
        command: str,
        app_file: str,
        variables: Mapping[str, str],
    ) -> Path:
        """Run the command over a copy of the checkout; the folder that is to be served.

        Raises `BuildFailed` with BUILD_COMMAND_FAILED, or NO_APP_FILE when the command does not
        make `app_file`, besides what a step raises.
        """
        final = self._places.checkouts / attempt.space_key / f"{checkout.name}-{attempt.build_id}"
        scratch = fresh(self._places.scratch)
        work = scratch / "app"
        try:
            _copy_for_build(checkout, work)
            status = self._steps.run(
                attempt,
                image,
                ("/bin/sh", "-c", command),
                (Mount(work, APP, read_only=False),),
                name="command",
                env=variables,
                working_dir=APP,
            )
            if status != 0:
                raise BuildFailed.of(Cause.BUILD_COMMAND_FAILED, exit_code=status)
            clean_output(work)
            if not (work / app_file).is_file():
                raise BuildFailed.of(Cause.NO_APP_FILE, app_file=app_file)
            final.parent.mkdir(parents=True, exist_ok=True)
            failpoint("build:before-folder")
            work.rename(final)
            return final
        finally:
            discard(scratch)


def _copy_for_build(checkout: Path, work: Path) -> None:
    """Real copies: large files are hard links into the object store, which a build must not
    write to."""
    shutil.copytree(checkout, work, symlinks=True)
    if os.geteuid() == 0:
        uid, gid = build_user()
        for folder, _, files in os.walk(work):
            os.chown(folder, uid, gid)
            for name in files:
                os.chown(Path(folder, name), uid, gid, follow_symlinks=False)


def clean_output(tree: Path) -> None:
    """Leave only folders, files and links that stay inside, all readable; the container that
    wrote them has ended, so nothing moves meanwhile."""
    root = tree.resolve()
    for folder, folders, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in (*folders, *files):
            path = Path(folder, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                if not _leads_inside(path, root):
                    path.unlink()
            elif stat.S_ISDIR(mode):
                path.chmod(0o755)
            elif stat.S_ISREG(mode):
                path.chmod(0o644)
            else:
                path.unlink()


def _leads_inside(link: Path, root: Path) -> bool:
    try:
        return link.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        return False
