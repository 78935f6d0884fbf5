"""What build containers need from us, as a folder that any of them can read.

uv and our scripts lie in an installed package that container users may not be able to reach, so
they are laid out once in the data folder, under a name made of their content.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import uv

from builder.fingerprint import fingerprint, fingerprint_of_files
from builder.folders import discard, fresh
from builder.places import Places

SCRIPTS = Path(__file__).parent / "inside"
BOOT = ("launch.py", "prestart.py", "sitecustomize.py")
NAMES = ("install.py", "bytecode.py", *BOOT)


@dataclass(frozen=True)
class Toolbox:
    folder: Path  # uv and the scripts
    boot: str  # names the scripts that become part of an environment

    def fill_boot(self, target: Path) -> None:
        """Lay out what an app's start needs: the scripts, and `site/sitecustomize.py`."""
        (target / "site").mkdir(parents=True)
        for name in BOOT:
            place = target / "site" if name == "sitecustomize.py" else target
            shutil.copyfile(self.folder / name, place / name)


def prepare(places: Places) -> Toolbox:
    """Lay the tools out unless they are there."""
    scripts = [SCRIPTS / name for name in NAMES]
    binary = Path(uv.find_uv_bin())
    status = binary.stat()
    name = fingerprint(
        scripts=fingerprint_of_files(scripts), uv=[status.st_size, status.st_mtime_ns]
    )[:16]
    folder = places.tools / name
    if not folder.is_dir():
        _lay_out(places, folder, [*scripts, binary])
    return Toolbox(folder, fingerprint_of_files([SCRIPTS / name for name in BOOT]))


def _lay_out(places: Places, folder: Path, files: list[Path]) -> None:
    partial = fresh(places.scratch)
    for file in files:
        shutil.copyfile(file, partial / file.name)
        (partial / file.name).chmod(0o755)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.rename(folder)
    except OSError:  # another process was faster
        discard(partial)
        if not folder.is_dir():
            raise
