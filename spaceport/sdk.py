"""The four ways in which a revision becomes an app (contract: spaces-behaviour 3)."""

from enum import StrEnum


class Sdk(StrEnum):
    GRADIO = "gradio"
    STREAMLIT = "streamlit"
    DOCKER = "docker"
    STATIC = "static"

    @property
    def default_app_file(self) -> str:
        """The file without which there is nothing to run (`NO_APP_FILE`)."""
        return {"docker": "Dockerfile", "static": "index.html"}.get(self.value, "app.py")

    @property
    def default_port(self) -> int:
        """The only port that the proxy connects to, unless a Docker card says `app_port`."""
        return 8501 if self is Sdk.STREAMLIT else 7860
