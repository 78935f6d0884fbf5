"""Images: from Dockerfiles by BuildKit, by a docker command and by the API alone; from folders."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.engine import EngineSettings
from runtime.engine.base_tree import ensure_base
from runtime.engine.docker_engine import DockerEngine
from spaceport.engine import ContainerSpec, EngineDown, EngineRefused, ImageBuild
from tests.contracts.conftest import Rig
from tests.waiting import eventually

pytestmark = pytest.mark.engine


@dataclass
class Bench:
    """Builds from a folder; `lines` is what the last build printed."""

    engine: DockerEngine
    base: str
    context: Path
    tag: str
    lines: list[str] = field(default_factory=list)

    def build(self, dockerfile: str, *, timeout: float = 120, **fields: object) -> str:
        (self.context / "Dockerfile").write_text(dockerfile.replace("BASE", self.base))
        self.lines.clear()
        build = ImageBuild(self.context, "Dockerfile", self.tag, **fields)  # type: ignore[arg-type]
        return self.engine.build_image(build, self.lines.append, timeout=timeout)

    def printed(self, *command: str) -> list[str]:
        lines: list[str] = []
        spec = ContainerSpec("look", self.tag, command=command)
        self.engine.run(spec, lines.append, timeout=60)
        return lines


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The base under a name of this run: what a Dockerfile says after FROM."""
    instance = f"t{secrets.token_hex(5)}"
    engine = DockerEngine(EngineSettings(), instance)
    alias = f"spaceport-test-{instance}:base"
    try:
        engine.tag_image(ensure_base(engine, tmp_path_factory.mktemp("trees")), alias)
    except EngineDown as error:
        pytest.skip(str(error))
    yield alias, instance
    engine.remove_image(alias)
    engine.close(remove=True)


@pytest.fixture(params=["client", "api"])
def bench(request: pytest.FixtureRequest, base: tuple[str, str], tmp_path: Path) -> Iterator[Bench]:
    alias, instance = base
    none = Path("/bin/false")
    settings = EngineSettings(docker_client=none if request.param == "api" else None)
    engine = DockerEngine(settings, instance)
    assert engine.probe().can_build_images is (request.param == "client")
    context = tmp_path / "context"
    context.mkdir()
    yield Bench(engine, alias, context, f"spaceport-test-{instance}:{secrets.token_hex(4)}")
    engine.close()


@pytest.fixture
def built(bench: Bench) -> Iterator[Bench]:
    yield bench
    bench.engine.remove_image(bench.tag)


def test_a_build_with_arguments_labels_and_a_foreign_syntax(built: Bench) -> None:
    (built.context / "app.py").write_text("print('app')")
    image = built.build(
        "# syntax=docker/dockerfile:1\nFROM BASE\nARG GREETING\nCOPY --link app.py /app.py\n"
        'RUN echo said-$GREETING > /said && echo built\nENTRYPOINT ["false"]\n',
        build_args={"GREETING": "hello world"},
        labels={"spaceport.space": "s1"},
    )
    assert image.startswith("sha256:")
    assert any(line.endswith("built") for line in built.lines)
    assert built.printed("cat", "/said") == ["said-hello world"]
    assert built.printed("python", "/app.py") == ["app"]
    told = built.engine._connection.client.inspect_image(image)["Config"]["Labels"]
    assert told["spaceport.space"] == "s1"
    assert told["spaceport.instance"] == built.engine._instance


def test_a_failing_step_is_told_with_its_words(bench: Bench) -> None:
    with pytest.raises(EngineRefused, match="exit code: 3"):
        bench.build("FROM BASE\nRUN echo last words; exit 3\n")
    assert any("last words" in line for line in bench.lines)
    assert not bench.engine.has_image(bench.tag)


def test_an_unknown_base_is_told(bench: Bench) -> None:
    with pytest.raises(EngineRefused, match=r"spaceport\.invalid"):
        bench.build("FROM spaceport.invalid/never:was\n")


def test_the_ignore_file_counts_and_links_stay_inside(built: Bench, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("of the host")
    (built.context / "link").symlink_to(tmp_path / "outside")
    (built.context / "kept").write_text("kept")
    (built.context / "ignored").write_text("ignored")
    (built.context / ".dockerignore").write_text("ignored\n")
    built.build("FROM BASE\nCOPY . /all/\n", no_cache=True)
    assert built.printed("ls", "-A", "/all") == [".dockerignore", "Dockerfile", "kept", "link"]
    assert built.printed("cat", "/all/link")[-1].endswith("No such file or directory")


@pytest.mark.req("BLD-02")
def test_a_dockerfile_outside_the_context_is_refused(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("FROM scratch\n")
    (bench.context / "Dockerfile").symlink_to(tmp_path / "secret")
    build = ImageBuild(bench.context, "Dockerfile", bench.tag)
    with pytest.raises(EngineRefused, match="no file Dockerfile"):
        bench.engine.build_image(build, bench.lines.append, timeout=60)


@pytest.mark.req("BLD-06")
def test_a_build_argument_cannot_choose_the_front_end(bench: Bench) -> None:
    with pytest.raises(EngineRefused, match="BUILDKIT_SYNTAX"):
        bench.build("FROM BASE\n", build_args={"BUILDKIT_SYNTAX": "evil/frontend"})


@pytest.mark.req("BLD-11")
def test_a_build_ends_in_time_and_leaves_no_process(bench: Bench) -> None:
    mark = f"6{secrets.randbelow(10**6):06d}"
    with pytest.raises(TimeoutError):
        bench.build(f"FROM BASE\nRUN trap '' TERM; sleep {mark}\n", timeout=4)
    assert any(mark in line for line in bench.lines)
    eventually(lambda: not running(f"sleep {mark}"), timeout=10)


def running(words: str) -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    return [line for line in found.splitlines() if line.strip() == words]


@pytest.mark.req("BLD-03")
def test_secrets_are_mounted_and_leave_no_trace(built: Bench) -> None:
    secret = f"canary {secrets.token_hex(8)}\n'\"$x"
    dockerfile = (
        "FROM BASE\nRUN --mount=type=secret,id=TOKEN,mode=0444,required=true "
        "python -c 'print(open(\"/run/secrets/TOKEN\").read()[::-1])'\n"
    )
    if not built.engine.probe().can_build_images:
        with pytest.raises(EngineRefused, match="needs secrets"):
            built.build(dockerfile, secrets={"TOKEN": secret})
        return
    others = set(Path("/dev/shm").glob("spaceport-build-*"))
    image = built.build(dockerfile, secrets={"TOKEN": secret}, no_cache=True)
    assert any(secret[::-1].splitlines()[-1] in line for line in built.lines)
    client = built.engine._connection.client
    assert secret not in str(client.history(image)) + str(client.inspect_image(image))
    assert set(Path("/dev/shm").glob("spaceport-build-*")) <= others


def test_a_folder_becomes_an_image(rig: Rig, tmp_path: Path) -> None:
    reference = f"spaceport-test:{tmp_path.name}".lower().replace("_", "-")[:60]
    tree = tmp_path / "tree"
    for folder in ("usr/bin", "proc", "dev", "tmp", "etc", "sys", "home/user"):
        (tree / folder).mkdir(parents=True)
    (tree / "bin").symlink_to("usr/bin")
    (tree / "etc" / "resolv.conf").touch()
    (tree / "usr" / "bin" / "sh").write_bytes(Path("/usr/bin/busybox").read_bytes())
    (tree / "usr" / "bin" / "sh").chmod(0o755)
    assert not rig.engine.has_image(reference)
    rig.engine.import_tree(tree, reference, {"PATH": "/usr/bin", "SAYING": 'a "b" $c\\d'})
    try:
        assert rig.engine.has_image(reference)
        command = ("sh", "-c", 'echo "$SAYING"')
        assert rig.printed("", image=reference, command=command) == ['a "b" $c\\d']
    finally:
        rig.engine.remove_image(reference)
    assert not rig.engine.has_image(reference)
    rig.engine.remove_image(reference)


def test_what_no_registry_has_cannot_be_pulled(rig: Rig) -> None:
    assert not rig.engine.pull("spaceport.invalid/never:was")
    assert not rig.engine.pull("spaceport.invalid/never:was")
