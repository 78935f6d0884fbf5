"""Plans by exact value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from builder.artifacts import of_app
from builder.bases import Base, Chosen
from builder.failed import BuildFailed
from builder.files import Read
from builder.image import system_dockerfile
from builder.plan import plan
from builder.plan.context import Context
from builder.plan.model import AppPlan, EnvironmentPlan, FolderPlan, ImagePlan
from config.builder import BuilderSettings
from config.sdks import SdkCatalogue
from spaceport.artifact import Artifact, ArtifactKind, ArtifactMount, Prestart
from spaceport.cause import Cause
from spaceport.engine import EngineInfo
from spaceport.sdk import Sdk
from tests.builder.world import card

KEY = "abcdef012345abcdef012345"
BASE = Base("python:3.11-slim", "/usr/local/bin/python3", "3.11.7")
DEBIAN = replace(BASE, packages=True)
PREINSTALLED = ("gradio[mcp,oauth]==6.31.0", "huggingface_hub", "requests", "datasets", "spaces")


def files(**contents: bytes) -> Read:
    return {name.replace("__", "."): content for name, content in contents.items()}.get


def context(base: Base = BASE, *, can_build: bool = True, **changes: Any) -> Context:
    return replace(
        Context(
            key=KEY,
            revision="f" * 40,
            catalogue=SdkCatalogue.load(),
            settings=BuilderSettings(),
            choose_base=lambda asked: Chosen(base, "" if asked else "a note"),
            probe=lambda: EngineInfo("docker", "20.10.24", can_build_images=can_build),
        ),
        **changes,
    )


def failure(read: Read, within: Context | None = None) -> tuple[Cause, dict[str, Any]]:
    with pytest.raises(BuildFailed) as failed:
        plan(read, within or context())
    return failed.value.failure.cause, dict(failed.value.failure.detail)


def test_gradio() -> None:
    found = plan(files(README__md=card(), app__py=b"", requirements__txt=b"six\n"), context())
    assert found == AppPlan(
        sdk=Sdk.GRADIO,
        environment=EnvironmentPlan(base=BASE, requirements=(*PREINSTALLED, "six")),
        app_file="app.py",
        command=("/opt/spaceport/env/venv/bin/python", "app.py"),
        env={
            "GRADIO_SERVER_NAME": "0.0.0.0",
            "GRADIO_SERVER_PORT": "7860",
            "GRADIO_NUM_PORTS": "1",
            "GRADIO_ALLOW_FLAGGING": "never",
            "GRADIO_ANALYTICS_ENABLED": "False",
        },
        notes=("a note",),
        preload=SdkCatalogue.load().sdks[Sdk.GRADIO].preload,
    )
    assert found.preload[0] == "gradio"


def test_a_process_waits_only_with_packages_that_ran_no_code_of_the_space() -> None:
    for requirements, waits in ((b"six\n", True), (b"git+https://example.org/own\n", False)):
        read = files(README__md=card(), app__py=b"", requirements__txt=requirements)
        found = plan(read, context())
        assert isinstance(found, AppPlan)
        artifact = of_app(
            found,
            image=BASE.reference,
            environment="environments/x",
            checkout="checkouts/k/r",
            link_from=1024,
            fast_start=True,
        )
        assert (artifact.prestart is not None) is waits


def test_streamlit_artifact() -> None:
    readme = card("streamlit", sdk_version="1.40.0", app_file="src/main.py")
    found = plan({"README.md": readme, "src/main.py": b""}.get, context())
    assert isinstance(found, AppPlan)
    assert found.environment.requirements[0] == "streamlit==1.40.0"
    artifact = of_app(
        found,
        image=BASE.reference,
        environment="environments/x",
        checkout="checkouts/k/r",
        link_from=1024,
        fast_start=True,
    )
    boot = "/opt/spaceport/env/boot/prestart.py"
    words = ("/opt/spaceport/env/venv/bin/python", boot, "/home/user/app", *found.preload)
    assert artifact == Artifact(
        prestart=Prestart(words, "/opt/spaceport/code"),
        kind=ArtifactKind.ENVIRONMENT,
        image="python:3.11-slim",
        command=(
            *("/usr/local/bin/python3", "-I", "-S", "/opt/spaceport/env/boot/launch.py"),
            *("/opt/spaceport/code", "/home/user/app", "1024"),
            *("/opt/spaceport/env/venv/bin/python", "-m", "streamlit", "run", "src/main.py"),
        ),
        working_dir="/home/user",
        env={
            **SdkCatalogue.load().sdks[Sdk.STREAMLIT].env,
            "HOME": "/home/user",
            "PATH": "/opt/spaceport/env/venv/bin:/usr/local/bin:/usr/bin:/bin",
            "PORT": "8501",
            "PYTHONPATH": "/opt/spaceport/env/boot/site:/home/user/app",
            "PYTHONUNBUFFERED": "1",
            "VIRTUAL_ENV": "/opt/spaceport/env/venv",
            "SPACEPORT_SECRETS_FILE": "/home/user/.streamlit/secrets.toml",
        },
        mounts=(
            ArtifactMount("environments/x", "/opt/spaceport/env"),
            ArtifactMount("checkouts/k/r", "/opt/spaceport/code"),
        ),
        port=8501,
        app_file="src/main.py",
        home="/home/user",
    )
    assert Artifact.from_json(artifact.to_json()) == artifact


@pytest.mark.parametrize(
    ("version", "requirements", "expected"),
    [
        (None, b"", "gradio[mcp,oauth]==6.31.0"),
        ("5.0", b"", "gradio[mcp,oauth]==5.0"),
        (None, b"gradio\n", "gradio[mcp,oauth]==6.31.0"),
        (None, b"Gradio==5.1.0\n", "gradio[mcp,oauth]"),
        ("5.0", b"gradio==5.1.0\n", "gradio[mcp,oauth]==5.0"),
    ],
)
def test_whose_sdk_version(version: str | None, requirements: bytes, expected: str) -> None:
    readme = card(sdk_version=f"'{version}'") if version else card()
    found = plan(files(README__md=readme, app__py=b"", requirements__txt=requirements), context())
    assert isinstance(found, AppPlan)
    assert found.environment.requirements[0] == expected


def test_private_installations_belong_to_the_space() -> None:
    found = plan(
        files(README__md=card(), app__py=b"", requirements__txt=b"six\n-e .\n",
              pre_requirements__txt=b""),
        context(),
    )  # fmt: skip
    assert isinstance(found, AppPlan)
    assert (found.environment.owner, found.environment.content) == (KEY, "f" * 40)
    assert found.environment.requirements[-2:] == ("six", "-e .")
    assert any("-e ." in note for note in found.notes)


def test_equal_requirements_are_one_environment() -> None:
    def inputs(requirements: bytes, base: Base = BASE) -> str:
        read = files(README__md=card(), app__py=b"", requirements__txt=requirements)
        found = plan(read, context(base))
        assert isinstance(found, AppPlan)
        return found.environment.inputs

    assert inputs(b"six\ntoolz # x\n") == inputs(b"toolz\n\nsix\n")
    assert inputs(b"six\n") != inputs(b"six==1.0\n")
    assert inputs(b"six\n") != inputs(b"six\n", replace(BASE, reference="other"))


def test_debian_packages() -> None:
    read = files(README__md=card(), app__py=b"", packages__txt=b"ffmpeg # x\n\nlibgl1 curl=7.1-2\n")
    found = plan(read, context(DEBIAN))
    assert isinstance(found, AppPlan)
    assert found.environment.system_packages == ("ffmpeg", "libgl1", "curl=7.1-2")
    without_builds = context(DEBIAN, can_build=False)
    for within, words in ((context(), "no apt"), (without_builds, "builds images")):
        cause, detail = failure(read, within)
        assert cause is Cause.SDK_UNAVAILABLE
        assert words in detail["problem"]


@pytest.mark.req("BLD-10")
def test_generated_dockerfile_byte_for_byte() -> None:
    assert system_dockerfile(DEBIAN, ("libgl1", "ffmpeg")) == (
        "FROM python:3.11-slim\nUSER root\nENV DEBIAN_FRONTEND=noninteractive\n"
        'RUN ["apt-get", "update"]\n'
        'RUN ["apt-get", "install", "--yes", "--no-install-recommends", "--", "ffmpeg", "libgl1"]\n'
        "ENV DEBIAN_FRONTEND=\n"
    )


@pytest.mark.req("BLD-10")
@pytest.mark.parametrize(
    "line",
    ['a"b', "a'b", "$(id)", "`id`", "a;id", "--allow-downgrades", "-oX=y", "A", "a\\n", "./x.deb",
     "a&&b", "a|b", "pkg/stable", "a=", "a=$(id)", "é"],
)  # fmt: skip
def test_what_is_no_debian_package(line: str) -> None:
    read = files(README__md=card(), app__py=b"", packages__txt=f"ffmpeg\n{line}\n".encode())
    assert failure(read, context(DEBIAN))[0] is Cause.SYSTEM_PACKAGE_NOT_FOUND


def test_static() -> None:
    found = plan(files(README__md=card("static"), index__html=b""), context())
    assert found == FolderPlan("index.html")
    readme = card("static", app_build_command="npm run build", app_file="dist/index.html")
    assert plan(files(README__md=readme), context()) == FolderPlan(
        "dist/index.html", "npm run build"
    )


def test_docker() -> None:
    text = (
        b"# syntax=docker/dockerfile:1\nFROM python:3\nARG A\nRUN --mount=type=secret,id=S true\n"
    )
    within = context(variables={"A": "1"}, secret_versions={"S": 3})
    found = plan(files(README__md=card("docker", app_port=80), Dockerfile=text), within)
    assert isinstance(found, ImagePlan)
    assert (found.port, found.arguments, found.secrets) == (80, ("A",), ("S",))
    scope = found.dockerfile.splitlines()[2]
    assert scope.startswith(f"ARG SPACEPORT_CACHE={KEY}.")
    assert found.dockerfile.replace(scope + "\n", "") == text.decode().replace(
        "# syntax=docker/dockerfile:1", "#"
    )
    assert failure(files(README__md=card("docker"), Dockerfile=text), context(can_build=False))[
        0
    ] is (Cause.SDK_UNAVAILABLE)


FAILURES: list[tuple[str, dict[str, bytes], Cause, dict[str, Any]]] = [
    ("no readme", {}, Cause.NO_CARD, {}),
    ("no block", {"README.md": b"# Hello\n"}, Cause.NO_CARD, {}),
    ("no app", {"README.md": card()}, Cause.NO_APP_FILE, {"app_file": "app.py"}),
    (
        "app elsewhere",
        {"README.md": card(app_file="src/x.py"), "app.py": b""},
        Cause.NO_APP_FILE,
        {"app_file": "src/x.py"},
    ),
    ("no page", {"README.md": card("static")}, Cause.NO_APP_FILE, {"app_file": "index.html"}),
    ("no Dockerfile", {"README.md": card("docker")}, Cause.NO_APP_FILE, {"app_file": "Dockerfile"}),
    (
        "app is a pointer",
        {"README.md": card(), "app.py": b"version https://git-lfs.github.com/spec/v1\noid x\n"},
        Cause.LFS_OBJECT_MISSING,
        {"path": "app.py"},
    ),
]


@pytest.mark.parametrize("case", FAILURES, ids=[case[0] for case in FAILURES])
def test_failures(case: tuple[str, dict[str, bytes], Cause, dict[str, Any]]) -> None:
    _, contents, cause, detail = case
    assert failure(contents.get) == (cause, detail)


def test_bad_card_says_what_is_wrong() -> None:
    cause, detail = failure(files(README__md=card("gradio", colorFrom="beige"), app__py=b""))
    assert cause is Cause.BAD_CARD
    assert "colorFrom" in detail["problem"]
    cause, detail = failure(files(README__md=b"---\ntitle: x\n---\n", app__py=b""))
    assert cause is Cause.BAD_CARD
    assert "sdk" in detail["problem"]
