"""What is changed in a Dockerfile, line for line."""

from __future__ import annotations

import pytest

from runtime.engine.dockerfile import adapt
from spaceport.engine import EngineRefused


@pytest.mark.req("BLD-06")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# syntax=docker/dockerfile:1\nFROM a\n", "#\nFROM a\n"),
        ("#Syntax = evil/frontend\nFROM a\n", "#\nFROM a\n"),
        ("\ufeff# syntax=evil\nFROM a\n", "#\nFROM a\n"),
        ("# syntax=x\n# escape=`\nFROM a\n", "# escape=`\n#\nFROM a\n"),
        ("# escape=`\n# syntax=x\nFROM a\n", "# escape=`\n#\nFROM a\n"),
        ("#!/bin/x\n# syntax=evil\nFROM a\n", "#!/bin/x\n#\nFROM a\n"),
        ("// syntax=evil\nFROM a\n", "#\nFROM a\n"),
        ("# a comment\nFROM a\n# syntax=text\n", "# a comment\nFROM a\n# syntax=text\n"),
        ("FROM a\nRUN echo '# syntax=x'", "FROM a\nRUN echo '# syntax=x'\n"),
    ],
)
def test_no_foreign_front_end(text: str, expected: str) -> None:
    assert adapt(text, "27.1") == expected


def test_json_is_no_dockerfile() -> None:
    with pytest.raises(EngineRefused, match="JSON"):
        adapt('{"syntax": "evil"}', "27.1")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("COPY --link a b", "COPY a b"),
        ("COPY --chown=1000 --link --from=x a b", "COPY --chown=1000 --from=x a b"),
        ("add --link=true a b", "add a b"),
        ("COPY --linked a b", "COPY --linked a b"),
        ("RUN echo COPY --link", "RUN echo COPY --link"),
    ],
)
def test_link_is_left_out_for_old_engines(line: str, expected: str) -> None:
    assert adapt(f"FROM a\n{line}\n", "20.10.24+dfsg1") == f"FROM a\n{expected}\n"
    assert adapt(f"FROM a\n{line}\n", "23.0.1") == f"FROM a\n{line}\n"


@pytest.mark.parametrize(
    "line", ["RUN <<EOF", "run --mount=type=cache,target=/c <<-'EOT'", "COPY <<A /b"]
)
def test_heredocs_name_the_line_and_the_version(line: str) -> None:
    with pytest.raises(EngineRefused, match=r"Dockerfile:2: .*20\.10\.24"):
        adapt(f"FROM a\n{line}\n", "20.10.24")
    assert adapt(f"FROM a\n{line}\n", "24.0.0") == f"FROM a\n{line}\n"


@pytest.mark.parametrize("line", ["RUN cat <<< word", "RUN echo 1 << 2", "# RUN <<EOF"])
def test_what_only_looks_like_a_heredoc(line: str) -> None:
    assert adapt(f"FROM a\n{line}\n", "20.10.24") == f"FROM a\n{line}\n"
