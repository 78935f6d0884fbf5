"""`spaceport gc`."""

from __future__ import annotations

from hub.cli.common import Config, Data, say, settings_of
from spaceport.errors import Unavailable


def gc(config: Config = None, data: Data = None) -> None:
    """Remove what nothing can use any more: environments, checkouts and images of old builds, and
    git objects that no branch or tag has reached for two weeks; join the packs of repositories."""
    from builder.gc import collect  # loads the engines' libraries
    from gitserver.upkeep_all import keep_all
    from hub.parts import open_installation

    installation = open_installation(settings_of(data, config))
    try:
        context = installation.context
        engine = installation.engine()
        keep = context.settings.builder.keep_releases
        data = context.data.resolve()
        collected = collect(context.ledger, engine, data, keep_releases=keep)
        tally = keep_all(context.repositories, data / "cache" / "git")
    finally:
        installation.close()
    say(
        f"Removed {collected.environments} environments, {collected.checkouts} checkouts and "
        f"{collected.images} images: {collected.bytes / 1024**2:.1f} MiB."
    )
    say(
        f"Looked after {tally.repositories} repositories: {tally.packs_before} packs are "
        f"{tally.packs_after} now, {tally.dropped} objects went, "
        f"{tally.freed / 1024**2:.1f} MiB are free again."
    )
    if tally.postponed:
        say(f"Somebody was pushing to {len(tally.postponed)} of them; run this again later.")
    if tally.failed:
        raise Unavailable(
            f"{len(tally.failed)} repositories could not be maintained: {', '.join(tally.failed)}.",
            hint="The lines above say why; git fsck in repos/ tells more.",
        )
