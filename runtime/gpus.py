"""Which GPUs this host has: as the operator says, else as the driver's own tool says."""

from __future__ import annotations

import csv
import logging
import re
import subprocess
from collections.abc import Iterable

from config.catalogue import Catalogue
from config.runtime import Gpu, RuntimeSettings

logger = logging.getLogger(__name__)

ASK = ("nvidia-smi", "--query-gpu=uuid,name,memory.total", "--format=csv,noheader,nounits")
PATIENCE = 10.0  # seconds for a driver that hangs


def gpus_of(settings: RuntimeSettings, catalogue: Catalogue) -> tuple[Gpu, ...]:
    """None where neither the settings nor the driver name any; blocks for the latter."""
    if settings.gpus is not None:
        return settings.gpus
    try:
        told = subprocess.run(ASK, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    known = {flavor.accelerator for flavor in catalogue.flavors if flavor.accelerator}
    return parse(told.stdout, known)


def parse(told: str, known: Iterable[str]) -> tuple[Gpu, ...]:
    """`GPU-5f2..., Tesla T4, 15360` a line; `known` are the accelerators of the catalogue.

    A card that no flavour is made for is left out.
    """
    found = []
    for row in csv.reader(told.splitlines(), skipinitialspace=True):
        if len(row) != 3 or not row[2].strip().isdigit():
            continue
        uuid, name, mebibytes = (cell.strip() for cell in row)
        accelerator = _accelerator(name, known)
        if accelerator is None:
            logger.warning("no hardware of the catalogue is made for the GPU %s", name)
            continue
        found.append(Gpu(id=uuid, accelerator=accelerator, memory=round(int(mebibytes) / 1024)))
    return tuple(found)


def _accelerator(name: str, known: Iterable[str]) -> str | None:
    """`Tesla T4` and `NVIDIA A100-SXM4-40GB` are called `Nvidia T4` and `Nvidia A100` here."""
    words = set(re.split(r"[\s-]+", name.upper()))
    return next((each for each in known if each.upper().split()[-1] in words), None)
