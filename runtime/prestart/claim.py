"""Start an app in a container that waits for one: thin, and every failure means a plain start.

The ledger notes the container first, then the order is given. So whatever ends in between leaves a
row with a container that still waits, which the next look removes (`keeper`); never does an app run
that no row knows of, and never is an order given twice.
"""

from __future__ import annotations

import logging
import time

from runtime.container_spec import Inputs, container_spec
from runtime.planning import Planned
from runtime.prestart.kind import Kind, fits, kind_of
from runtime.prestart.order import Caller, lay
from runtime.prestart.pool import Waiter
from runtime.tools import Tools
from spaceport.engine import Handle
from spaceport.errors import SpaceportError
from spaceport.failpoints import failpoint
from spaceport.ledger import replicas
from spaceport.ledger.replicas import Replica
from spaceport.ledger.volumes import held_disk

logger = logging.getLogger(__name__)


def begin(tools: Tools, planned: Planned) -> Handle | None:
    """The container in which the app of `planned` starts, or None: start it plainly.

    Raises `EngineDown`; the row stays, as after any start.
    """
    tools.prestarted.last_start = time.monotonic()
    inputs = planned.inputs
    if inputs is None or not tools.settings.prestart.total:
        return None
    kind = kind_of(inputs, planned.needs)
    waiter = None if kind is None else tools.prestarted.take(kind.name)
    if kind is None or waiter is None:
        return None
    unused = False
    try:
        unused = not _hand_over(tools, planned.replica, inputs, kind, waiter)
    except (SpaceportError, OSError, ValueError, KeyError) as error:
        logger.warning("a prepared process was of no use, starting plainly: %s", error)
        tools.engine.remove(waiter.handle)
        return None
    finally:
        tools.prestarted.taken_care_of(waiter, unused=unused)
    return None if unused else waiter.handle


def _hand_over(tools: Tools, replica: Replica, inputs: Inputs, kind: Kind, waiter: Waiter) -> bool:
    """False when this app would have been imported differently; then the other waits on."""
    spec = container_spec(inputs)
    with Caller(tools.engine, waiter.handle, waiter.key.read_text()) as caller:
        if not fits(caller.read(), kind.spec.env, spec.env):
            return False
        source = next(mount.source for mount in spec.mounts if mount.target == kind.code)
        lay(source, waiter.code)
        tools.secret_files.fill(waiter.secrets, replica.id, inputs.secrets)
        with tools.ledger.write() as tx:
            replicas.started(tx, replica, waiter.handle, holds=_holds(waiter))
        failpoint("runtime:before-order")
        caller.give(spec.command or (), spec.env)
    waiter.key.unlink(missing_ok=True)
    return True


def _holds(waiter: Waiter) -> frozenset[str]:
    """What it mounts already, which the replica's row must name from now on."""
    if not waiter.scratch.exists():
        return frozenset()
    return frozenset({held_disk(waiter.scratch.read_text())})
