"""The Files tab: folders, code, raw bytes that run nowhere, names of any bytes."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from gitserver.pointer import Pointer
from hub.web.code import listing
from hub.web.hostile import visible
from hub.web.security import raw_headers
from tests.hub.web.conftest import Site

KINDS = """html htm xhtml svg xml pdf js mjs css json ipynb gltf glb wasm swf xsl rdf atom mht hta
    txt md py csv zip png jpg gif webp mp4 mp3 unknown""".split()


@pytest.fixture(scope="module")
def base(site: Site, tmp_path_factory: pytest.TempPathFactory) -> str:
    files: dict[str, str | bytes] = {
        "app.py": "def f():\n    return '<b>'\n",
        "src/deep/a b#c?.py": "x = 1\n",
        "tricky.py": "a = 1 # \u202e}if admin\u2066\n",
        "large.bin": Pointer("a" * 64, 123_456_789).text(),
        "binary.dat": b"\0\1\2" * 100,
        "long.txt": "x" * 20_000,
        "docs/README.md": "see [app](../app.py)",
        "empty.txt": "",
    }
    site.made("olga/files", files=files, folder=tmp_path_factory.mktemp("files"))
    return "/spaces/olga/files"


def test_a_folder_lists_folders_first_and_renders_its_readme(site: Site, base: str) -> None:
    text = site.visitor().get(f"{base}/tree/main").text
    assert text.index("docs</span>") < text.index("app.py</span>")
    assert "&lt;b&gt;files&lt;/b&gt;" in text
    assert "&lt;i&gt;" not in text.replace("&lt;i&gt;Ada", "")
    docs = site.visitor().get(f"{base}/tree/main/docs").text
    assert f'href="{base}/blob/main/app.py"' in docs


def test_names_of_any_characters_can_be_opened(site: Site, base: str) -> None:
    text = site.visitor().get(f"{base}/tree/main/src/deep").text
    link = f"{base}/blob/main/src/deep/a%20b%23c%3F.py"
    assert f'href="{link}"' in text
    assert site.visitor().get(link).status == 200


def test_code_is_coloured_and_escaped(site: Site, base: str) -> None:
    text = site.visitor().get(f"{base}/blob/main/app.py").text
    assert '<span class="k">def</span>' in text
    assert "&lt;b&gt;" in text
    assert 'id="L2"' in text


@pytest.mark.req("WEB-15")
def test_invisible_characters_are_marked(site: Site, base: str) -> None:
    text = site.visitor().get(f"{base}/blob/main/tricky.py").text
    assert "U+202E" in text
    assert "U+2066" in text
    assert "\u202e" not in text
    assert "invisible characters" in text
    assert visible("a\u202e<b>") == (
        'a<mark class="hidden-char" title="invisible character">U+202E</mark>&lt;b&gt;'
    )


@pytest.mark.req("WEB-16")
def test_what_is_large_or_no_text_is_a_link_to_the_bytes(site: Site, base: str) -> None:
    for name in ("long.txt", "binary.dat"):
        assert "Get the raw file" in site.visitor().get(f"{base}/blob/main/{name}").text
    assert "git-lfs" in site.visitor().get(f"{base}/blob/main/large.bin").text
    assert listing("a.py", b"x\n" * 30_000) is None
    assert listing("a.txt", b"y" * (1024 * 1024 + 1)) is None


def test_a_large_file_can_be_downloaded_from_its_page(site: Site, tmp_path: Path) -> None:
    data = b"\x89PNG\r\n\x1a\n" + b"p" * 2000
    pointer = Pointer(hashlib.sha256(data).hexdigest(), len(data))
    files = {"model.bin": pointer.text(), "a picture.png": pointer.text()}
    space = site.made("olga/large", files=files, folder=tmp_path)
    site.context.large.put(space.key, None, pointer.oid, pointer.size, [data])
    listed = site.visitor().get("/spaces/olga/large/tree/main").text
    assert listed.count('<span class="tag">git-lfs</span></td><td class="end">2.0') == 2
    page = site.visitor().get("/spaces/olga/large/blob/main/model.bin").text
    assert 'href="/spaces/olga/large/resolve/main/model.bin">Download' in page
    reply = site.visitor().get("/spaces/olga/large/resolve/main/model.bin")
    assert reply.body == data
    assert reply.headers["Content-Disposition"] == 'attachment; filename="model.bin"'
    shown = site.visitor().get("/spaces/olga/large/blob/main/a%20picture.png").text
    assert '<img src="/spaces/olga/large/resolve/main/a%20picture.png"' in shown


@pytest.mark.req("WEB-01")
@pytest.mark.req("WEB-05")
@pytest.mark.parametrize("kind", KINDS)
def test_bytes_of_users_are_text_pictures_or_attachments(kind: str) -> None:
    headers = raw_headers(f"a/x.{kind}", b"<script>1</script>")
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    inline = headers["Content-Disposition"].startswith("inline")
    shown = headers["Content-Type"].partition(";")[0]
    assert not inline or shown == "text/plain" or shown.startswith(("image/", "audio/", "video/"))
    assert not (inline and "svg" in shown)
    assert raw_headers(f"x.{kind}", b"\0\1")["Content-Type"] != "text/html"


def test_a_hostile_name_cannot_break_the_header() -> None:
    headers = raw_headers('a"\r\nX: y\udcff;.html', b"x")
    assert "\r" not in headers["Content-Disposition"]
    assert '"' not in headers["Content-Disposition"]


def test_raw_bytes_come_back_as_they_are(site: Site, base: str) -> None:
    reply = site.visitor().get(f"{base}/raw/main/binary.dat")
    assert reply.body == b"\0\1\2" * 100
    assert reply.headers["Content-Disposition"].startswith("attachment")
    assert reply.headers["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.parametrize(
    "path",
    ["/blob/main/absent", "/blob/main/src", "/raw/main/../app.py", "/raw/main/.git/config",
     "/raw/main/%2e%2e/%2e%2e/etc/passwd", "/tree/absent", "/tree/main/app.py", "/raw/main/a%00b",
     "/blob/0000000000000000000000000000000000000000/app.py", "/commits/nope"],
)  # fmt: skip
def test_what_is_not_there_is_a_page_that_says_so(site: Site, base: str, path: str) -> None:
    reply = site.visitor().get(base + path)
    assert reply.status == 404


def test_branches_with_slashes_and_the_history(site: Site, base: str, tmp_path: Path) -> None:
    space = site.made("olga/branches", files={"a.txt": "1"}, folder=tmp_path)
    repository = site.context.repositories.path(space.key)
    (repository / "refs/heads/feature").mkdir(parents=True)
    (repository / "refs/heads/feature/x").write_text(f"{space.head}\n")
    visitor = site.visitor()
    tree = visitor.get("/spaces/olga/branches/tree/feature%2Fx")
    assert tree.status == 200
    assert "feature%2Fx/a.txt" in tree.text
    history = visitor.get("/spaces/olga/branches/commits/main").text
    assert "initial commit" in history
    assert "&lt;b&gt;files&lt;/b&gt;" in history


def test_a_commit_shows_what_it_changed(site: Site, base: str) -> None:
    text = site.visitor().get(f"{base}/commits/main").text
    link = re.search(rf'href="({base}/commit/[0-9a-f]{{40}})"', text)
    assert link is not None
    page = site.visitor().get(link[1])
    assert page.status == 200
    assert "app.py" in page.text and "+    return &#39;&lt;b&gt;&#39;" in page.text
    assert "not text, or too large" in page.text  # binary.dat
    assert "if admin" in page.text and "\u202e" not in page.text
    assert site.visitor().get(f"{base}/commit/{'0' * 40}").status == 404
