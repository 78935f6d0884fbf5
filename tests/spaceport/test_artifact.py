"""An artifact survives its way through the ledger's JSON."""

import json

from spaceport.artifact import Artifact, ArtifactKind, ArtifactMount


def test_there_and_back() -> None:
    artifact = Artifact(
        ArtifactKind.ENVIRONMENT,
        image="base:1",
        command=("python", "app.py"),
        working_dir="/home/user/app",
        env={"A": "1"},
        mounts=(ArtifactMount("environments/x", "/env"),),
        port=8501,
    )
    assert Artifact.from_json(json.loads(json.dumps(artifact.to_json()))) == artifact


def test_an_image_keeps_its_own_command() -> None:
    stored = Artifact(ArtifactKind.IMAGE, image="sha256:1").to_json()
    assert Artifact.from_json({**stored, "of_a_newer_version": 1}).command is None
