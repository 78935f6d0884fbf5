"""The files of a new Space's first commit (spaces-behaviour 1.4), as texts."""

from __future__ import annotations

import secrets
from typing import Any

import yaml

from spaceport.card_values import COLORS
from spaceport.emoji import CHOICES
from spaceport.names import title_of
from spaceport.sdk import Sdk

REFERENCE = "docs/space-configuration.md"

_LFS_PATTERNS = """7z arrow bin bz2 ckpt ftz gz h5 joblib lfs.* mlmodel model msgpack npy npz onnx
    ot parquet pb pickle pkl pt pth rar safetensors tar.* tar tflite tgz wasm xz zip zst""".split()
_LFS = "filter=lfs diff=lfs merge=lfs -text"

GITATTRIBUTES = "".join(
    f"{pattern} {_LFS}\n"
    for pattern in (
        *(f"*.{ending}" for ending in _LFS_PATTERNS),
        "saved_model/**/*",
        "*tfevents*",
    )
)
"""Sends the usual large machine-learning files to LFS (1.4.4)."""


def new_card(
    name: str,
    sdk: Sdk,
    *,
    sdk_version: str | None = None,
    python_version: str | None = None,
    license: str | None = None,
    short_description: str | None = None,
    title: str | None = None,
    emoji: str | None = None,
    color_from: str | None = None,
    color_to: str | None = None,
    reference_url: str | None = None,
) -> str:
    """The README.md of a new Space (1.4.2, 1.4.3); emoji and colours are picked when not given.

    Versions are written only for Gradio and Streamlit, so that the Space keeps what it began with.
    """
    block: dict[str, Any] = {
        "title": title or title_of(name),
        "emoji": emoji or secrets.choice(CHOICES),
        "colorFrom": color_from or secrets.choice(COLORS),
        "colorTo": color_to or secrets.choice(COLORS),
        "sdk": sdk.value,
    }
    if sdk in (Sdk.GRADIO, Sdk.STREAMLIT):
        block |= {
            "sdk_version": sdk_version,
            "python_version": python_version,
            "app_file": sdk.default_app_file,
        }
    block |= {"pinned": False, "license": license, "short_description": short_description}
    said = {key: value for key, value in block.items() if value is not None and value != ""}
    yaml_text = yaml.safe_dump(said, allow_unicode=True, sort_keys=False, width=1000)
    where = reference_url or f"{REFERENCE} of Spaceport"
    return f"---\n{yaml_text}---\n\nThe keys of this block are described at {where}.\n"


def starter_files(name: str, sdk: Sdk, readme: str) -> dict[str, bytes]:
    """Path and content of everything in the initial commit; `readme` as made by `new_card`."""
    files = {"README.md": readme, ".gitattributes": GITATTRIBUTES}
    if sdk is Sdk.STATIC:
        files |= {"index.html": _INDEX.replace("{title}", _escaped(title_of(name)))}
        files |= {"style.css": _STYLE}
    return {path: text.encode() for path, text in files.items()}


def minimal_app(sdk: Sdk) -> dict[str, str]:
    """What a person has to add to get a first running app: path and content (1.2, S8)."""
    return dict(_MINIMAL[sdk])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


_INDEX = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title}</title>
    <link rel="stylesheet" href="style.css">
  </head>
  <body>
    <main class="card">
      <h1>Welcome to your static Space!</h1>
      <p>Change <code>index.html</code>, commit and push: this page is what you pushed.</p>
    </main>
  </body>
</html>
"""

_STYLE = """body {
  margin: 0;
  padding: 2rem;
  font-family: system-ui, sans-serif;
  line-height: 1.5;
  color-scheme: light dark;
}

.card {
  max-width: 40rem;
  margin: 0 auto;
  padding: 1rem 1.5rem;
  border: 1px solid #8884;
  border-radius: 1rem;
}

.card h1 {
  margin-top: 0.5rem;
  font-size: 1.25rem;
}
"""

_GRADIO = """import gradio as gr


def greet(name):
    return "Hello " + name + "!!"


demo = gr.Interface(fn=greet, inputs="text", outputs="text")
demo.launch()
"""

_STREAMLIT = """import streamlit as st

x = st.slider("Select a value")
st.write(x, "squared is", x * x)
"""

_DOCKERFILE = """FROM python:3.12-slim

RUN useradd -m -u 1000 user
USER user
WORKDIR /home/user/app
COPY --chown=user . .

CMD ["python", "-m", "http.server", "7860"]
"""

_MINIMAL: dict[Sdk, dict[str, str]] = {
    Sdk.GRADIO: {"app.py": _GRADIO},
    Sdk.STREAMLIT: {"app.py": _STREAMLIT},
    Sdk.DOCKER: {"Dockerfile": _DOCKERFILE},
    Sdk.STATIC: {"index.html": "<!doctype html>\n<h1>Hello from my Space</h1>\n"},
}
