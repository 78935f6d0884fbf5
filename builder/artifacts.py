"""What is handed to the runtime: which image, command, mounts and variables. Pure."""

from __future__ import annotations

from builder.places import APP, BOOT, CODE, ENVIRONMENT, HOME, PYTHON
from builder.plan.model import AppPlan, ImagePlan
from spaceport.artifact import SECRETS_FILE, Artifact, ArtifactKind, ArtifactMount, Prestart
from spaceport.sdk import Sdk

STREAMLIT_SECRETS = f"{HOME}/.streamlit/secrets.toml"


def of_app(
    plan: AppPlan,
    *,
    image: str,
    environment: str,
    checkout: str,
    link_from: int,
    fast_start: bool,
) -> Artifact:
    """`environment` and `checkout` are relative to the data folder.

    The launcher copies the checkout to /home/user/app, so that apps may write next to their code;
    the working directory is therefore only the home folder when the container starts.
    """
    python = plan.environment.base.python
    launcher = (python, "-I", "-S", f"{BOOT}/launch.py", CODE, APP, str(link_from))
    paths = (f"{BOOT}/site", APP) if fast_start else (APP,)
    env = {
        **plan.env,
        "HOME": HOME,
        "PATH": f"{ENVIRONMENT}/venv/bin:/usr/local/bin:/usr/bin:/bin",
        "PORT": str(plan.port),
        "PYTHONPATH": ":".join(paths),
        "PYTHONUNBUFFERED": "1",
        "VIRTUAL_ENV": f"{ENVIRONMENT}/venv",
    }
    if plan.sdk is Sdk.STREAMLIT:
        env[SECRETS_FILE] = STREAMLIT_SECRETS
    return Artifact(
        kind=ArtifactKind.ENVIRONMENT,
        image=image,
        command=(*launcher, *plan.command),
        working_dir=HOME,
        env=env,
        mounts=(ArtifactMount(environment, ENVIRONMENT), ArtifactMount(checkout, CODE)),
        port=plan.port,
        app_file=plan.app_file,
        home=HOME,
        prestart=_prestart(plan),
    )


def _prestart(plan: AppPlan) -> Prestart | None:
    """Only with packages that ran no code of their own at the installation: what is only this
    Space's is not run while nobody asked for it."""
    if not plan.preload or not plan.environment.shared:
        return None
    return Prestart((PYTHON, f"{BOOT}/prestart.py", APP, *plan.preload), CODE)


def of_image(plan: ImagePlan, tag: str) -> Artifact:
    """A user's own image: its command and working directory, and a root that it may write to."""
    return Artifact(
        kind=ArtifactKind.IMAGE,
        image=tag,
        env={"PORT": str(plan.port)},
        port=plan.port,
        app_file=Sdk.DOCKER.default_app_file,
        read_only_root=False,
    )


def of_folder(folder: str, app_file: str) -> Artifact:
    return Artifact(kind=ArtifactKind.FOLDER, folder=folder, app_file=app_file)
