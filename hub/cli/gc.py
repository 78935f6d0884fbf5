"""`spaceport gc`."""

from __future__ import annotations

from hub.cli.common import Config, Data, say, settings_of
from hub.context import HubContext
from spaceport.errors import Unavailable


def gc(config: Config = None, data: Data = None) -> None:
    """Remove what no Space can use any more: git objects that nothing has reached for two weeks,
    large files, environments, checkouts, images; and join the packs of repositories."""
    from builder.gc import collect  # loads the engines' libraries
    from gitserver.lfs.collect import collect_objects
    from hub.parts import open_installation

    installation = open_installation(settings_of(data, config))
    try:
        context = installation.context
        failed = _keep_repositories(context)  # what is gone from git needs no large file either
        large = collect_objects(context.large, context.repositories)
        say(f"Removed {large.objects} large objects: {large.bytes / 1024**2:.1f} MiB.")
        engine = installation.engine()
        keep = context.settings.builder.keep_releases
        data = context.data
        collected = collect(context.ledger, engine, data, keep_releases=keep)
    finally:
        installation.close()
    say(
        f"Removed {collected.environments} environments, {collected.checkouts} checkouts and "
        f"{collected.images} images: {collected.bytes / 1024**2:.1f} MiB."
    )
    if failed:
        raise Unavailable(
            f"{len(failed)} repositories could not be maintained: {', '.join(failed)}.",
            hint="The lines above say why; git fsck in the data folder's repos/ tells more.",
        )


def _keep_repositories(context: HubContext) -> tuple[str, ...]:
    """Look after every repository, beside a server that may be running; gives those that failed."""
    from gitserver.upkeep_all import keep_all

    tally = keep_all(context.repositories, context.data / "cache" / "git")
    say(
        f"Looked after {tally.repositories} repositories: {tally.packs_before} packs are "
        f"{tally.packs_after} now, {tally.dropped} objects went, "
        f"{tally.freed / 1024**2:.1f} MiB are free again."
    )
    if tally.postponed:
        say(f"Somebody was pushing to {len(tally.postponed)} of them; run this again later.")
    return tally.failed
