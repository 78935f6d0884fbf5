"""Docker Spaces: their own Dockerfile, checked and rewritten (3.4)."""

from __future__ import annotations

from builder import dockerfile
from builder.failed import BuildFailed
from builder.files import Read
from builder.fingerprint import fingerprint
from builder.plan.app_file import require
from builder.plan.context import Context
from builder.plan.model import ImagePlan
from spaceport.card import Card
from spaceport.cause import Cause
from spaceport.sdk import Sdk

FOREIGN_FRONTEND = "BUILDKIT_"
"""Build arguments that begin so steer the builder itself (`BUILDKIT_SYNTAX` runs an image)."""


def plan(card: Card, read: Read, context: Context) -> ImagePlan:
    """Raises `BuildFailed` with NO_APP_FILE, DOCKERFILE_ERROR or SDK_UNAVAILABLE."""
    content = require(Sdk.DOCKER.default_app_file, read)
    engine = context.probe()
    if not engine.can_build_images:
        problem = f"its engine ({engine.name}) cannot build images."
        raise BuildFailed.of(Cause.SDK_UNAVAILABLE, sdk="Docker", problem=problem)
    parsed = dockerfile.parse(content.decode("utf-8", "replace"))
    variables = {
        name: value
        for name, value in context.variables.items()
        if not name.startswith(FOREIGN_FRONTEND)
    }
    needs = dockerfile.check(
        parsed,
        build_args=variables,
        allowed_images=context.settings.allowed_images,
    )
    arguments = tuple(name for name in needs.arguments if not name.startswith(FOREIGN_FRONTEND))
    scope = context.key
    if needs.secrets:
        mounted = {name: context.secret_versions.get(name) for name in needs.secrets}
        scope += "." + fingerprint(secrets=mounted)[:12]
    notes = []
    if parsed.syntax is not None:
        notes.append("The '# syntax=' line has no effect here: the engine's own builder is used.")
    return ImagePlan(
        dockerfile=dockerfile.rewrite(parsed, scope=scope),
        port=card.app_port,
        arguments=arguments,
        secrets=needs.secrets,
        notes=tuple(notes),
    )
