"""Start an app in a folder of its own that it may write to.

    python -I -S launch.py CODE APP LINK_FROM COMMAND...

CODE is the revision, mounted read-only and shared by all that run it; real apps write next to
their code (uploads, SQLite files, caches), so APP is a copy of it. Files of at least LINK_FROM
bytes (models, media) are links to the read-only original instead; 0 copies everything.
"""

from __future__ import annotations

import json
import os
import shutil
import sys


def main(code: str, app: str, link_from: int, command: list[str]) -> int:
    prepare(code, app, link_from)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
    return 127


def prepare(code: str, app: str, link_from: int) -> None:
    """All that comes before the app itself."""
    lay_out(code, app, link_from)
    os.chdir(app)
    _write_secrets()


def lay_out(code: str, app: str, link_from: int) -> None:
    """Make `app` a writable copy of `code`; what was there before goes."""
    if os.path.lexists(app):
        _empty(app)
    os.makedirs(app, exist_ok=True)
    _copy(code, app, link_from)


def _empty(folder: str) -> None:
    """The folder itself may be a mount point, so it stays."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def _copy(source: str, target: str, link_from: int) -> None:
    with os.scandir(source) as entries:
        for entry in entries:
            to = os.path.join(target, entry.name)
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), to)
            elif entry.is_dir():
                os.mkdir(to)
                _copy(entry.path, to, link_from)
            else:
                _copy_file(entry, to, link_from)


def _copy_file(entry: os.DirEntry[str], to: str, link_from: int) -> None:
    status = entry.stat(follow_symlinks=False)
    if link_from and status.st_size >= link_from:
        os.symlink(entry.path, to)
        return
    shutil.copyfile(entry.path, to)
    if status.st_mode & 0o111:
        os.chmod(to, 0o755)


def _write_secrets() -> None:
    """Streamlit's own secrets file, outside of the repository (spaces-behaviour 3.3.3)."""
    path = os.environ.pop("SPACEPORT_SECRETS_FILE", "")
    names = os.environ.pop("SPACEPORT_SECRET_NAMES", "")
    if not path or not names:
        return
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    lines = [
        f"{name} = {_toml(os.environ[name])}" for name in names.split(",") if name in os.environ
    ]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _toml(value: str) -> str:
    """A TOML basic string; JSON's escapes are among TOML's."""
    text = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]))
