"""`spaceport gc`."""

from __future__ import annotations

from hub.cli.common import Config, Data, say, settings_of


def gc(config: Config = None, data: Data = None) -> None:
    """Remove what no Space can use any more: large files, environments, checkouts, images."""
    from builder.gc import collect  # loads the engines' libraries
    from gitserver.lfs.collect import collect_objects
    from hub.parts import open_installation

    installation = open_installation(settings_of(data, config))
    try:
        context = installation.context
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
