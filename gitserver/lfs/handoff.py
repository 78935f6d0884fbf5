"""What `git-lfs-authenticate` answers over SSH: where to go over HTTP, and with what (LFS-12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from gitserver.access import Admission
from gitserver.lfs.passes import Holder, Pass, Passes, Purpose
from spaceport.actor import Actor
from spaceport.ledger.columns import now

Operation = Literal["upload", "download"]
SCHEME = "RemoteAuth"
_PURPOSES = {"upload": Purpose.SSH_UPLOAD, "download": Purpose.SSH_DOWNLOAD}


class HandOff:
    """Calls block for a signature only. `hub_url` is the configured one (LFS-16)."""

    def __init__(self, passes: Passes, hub_url: str, life: timedelta) -> None:
        self._passes = passes
        self._hub_url = hub_url
        self._life = life

    def __call__(
        self, actor: Actor, admission: Admission, operation: Operation, *, key_id: str = ""
    ) -> dict[str, Any]:
        """`{"href", "header", "expires_in"}` for an actor who was admitted for just this operation.

        The pass opens one repository and one operation. `key_id` is the SSH key's id in the
        ledger: with it the pass loses its force with the key.
        """
        given = Pass(_PURPOSES[operation], admission.key, Holder.of(actor, key_id))
        text = self._passes.sign(given, now() + self._life)
        return {
            "href": f"{self._hub_url}/spaces/{admission.label}.git/info/lfs",
            "header": {"Authorization": f"{SCHEME} {text}"},
            "expires_in": int(self._life.total_seconds()),
        }
