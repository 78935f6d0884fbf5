"""Malformed, oversized and impertinent requests: an answer in JSON, and never a 5xx (API-11)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spaceport.failpoints import arm, disarm
from spaceport.ledger import accounts, spaces
from tests.hub.conftest import Hub

WRITES = [
    ("POST", "/api/repos/create"),
    ("DELETE", "/api/repos/delete"),
    ("POST", "/api/validate-yaml"),
    ("POST", "/api/spaces/hard/demo/variables"),
    ("DELETE", "/api/spaces/hard/demo/secrets"),
    ("POST", "/api/spaces/hard/demo/hardware"),
    ("POST", "/api/spaces/hard/demo/sleeptime"),
    ("PUT", "/api/spaces/hard/demo/settings"),
    ("POST", "/api/spaces/hard/demo/rollback"),
    ("POST", "/api/spaces/hard/demo/duplicate"),
    ("POST", "/api/spaces/hard/demo/paths-info/main"),
    ("POST", "/api/spaces/hard/demo/preupload/main"),
    ("POST", "/api/spaces/hard/demo/commit/main"),
]
BODIES = [
    b"{",
    b"[]",
    b'"text"',
    b"1e999",
    b"NaN",
    b'{"a":1,"a":2}',
    b"\xff\xfe",
    b"null",
    b"[" * 100 + b"]" * 100,
    b'{"name":{"$ne":""},"key":[],"content":{},"flavor":1,"seconds":"1","paths":{},"files":{},'
    b'"visibility":[]}',
    b'{"key":"\\ud800","value":"\\ud800","name":"\\ud800","content":"\\ud800","flavor":"\\ud800"}',
    b'{"visibility":null,"private":1,"seconds":' + b"9" * 400 + b"}",
    b"\0" * 64,
]


@pytest.fixture(scope="module")
def token(hub: Hub) -> str:
    hub.space("hard/demo")
    return hub.token("hard")


@pytest.mark.req("API-11")
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_no_body_brings_a_5xx(hub: Hub, token: str, method: str, path: str) -> None:
    for body in BODIES:
        answer = hub.wire.ask(method, path, token=token, body=body)
        assert 400 <= answer.status < 500, (body, answer.status, answer.body)
        assert answer.json()["error"] and answer.headers["X-Request-Id"]


@pytest.mark.req("API-11")
def test_sizes_and_media_types(hub: Hub, token: str) -> None:
    path = "/api/spaces/hard/demo/variables"
    big = json.dumps({"key": "A", "value": "x" * (2 * 1024 * 1024)}).encode()
    assert hub.wire.ask("POST", path, token=token, body=big).status == 413
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert hub.wire.ask("POST", path, token=token, body=b"key=A", headers=form).status == 415
    packed = {"Content-Encoding": "gzip"}
    assert hub.wire.ask("POST", path, token=token, body=b"\x1f\x8b", headers=packed).status == 415
    for depth, status in ((64, 400), (65, 400)):
        nested = b'{"key":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
        answer = hub.wire.ask("POST", path, token=token, body=nested)
        assert answer.status in (status, 422)
        assert ("levels" in answer.error) == (depth > 64)


@pytest.mark.req("API-12")
@pytest.mark.parametrize("field", ["role", "owner", "id", "createdAt", "isAdmin", "plan", "_id"])
def test_only_listed_fields_are_writable(hub: Hub, token: str, field: str) -> None:
    bodies: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/repos/create", {"name": "x", "type": "space", "sdk": "gradio"}),
        ("POST", "/api/spaces/hard/demo/variables", {"key": "A", "value": "1"}),
        ("POST", "/api/spaces/hard/demo/secrets", {"key": "B", "value": "1"}),
        ("PUT", "/api/spaces/hard/demo/settings", {}),
        ("POST", "/api/spaces/hard/demo/hardware", {"flavor": "cpu-basic"}),
    ]
    for method, path, body in bodies:
        answer = hub.wire.ask(method, path, token=token, json_body={**body, field: "x"})
        assert answer.status in (400, 403), (path, answer.body)


def test_what_a_newer_client_adds_is_passed_over(hub: Hub, token: str) -> None:
    more = {"futureField": {"nested": [1]}, "anotherOne": None}
    for method, path, body in (
        ("POST", "/api/repos/create", {"name": "newer", "type": "space", "sdk": "gradio"}),
        ("POST", "/api/spaces/hard/newer/variables", {"key": "A", "value": "1"}),
        ("PUT", "/api/spaces/hard/newer/settings", {"visibility": "private"}),
        ("POST", "/api/spaces/hard/newer/hardware", {"flavor": "cpu-basic"}),
        ("POST", "/api/spaces/hard/newer/preupload/main", {"files": []}),
        ("DELETE", "/api/repos/delete", {"name": "newer", "type": "space"}),
    ):
        answer = hub.wire.ask(method, path, token=token, json_body={**body, **more})
        assert answer.status == 200, (path, answer.body)
    wrong = {"key": 1, "value": "1", **more}
    path = "/api/spaces/hard/demo/variables"
    assert hub.wire.ask("POST", path, token=token, json_body=wrong).status == 422


@pytest.mark.req("API-13")
def test_a_list_is_no_scalar(hub: Hub, token: str) -> None:
    for value in ([], ["a", "b"], {}, 1, None, True):
        body = {"name": value, "type": "space", "sdk": "gradio"}
        assert hub.wire.ask("POST", "/api/repos/create", token=token, json_body=body).status == 422


@pytest.mark.req("GIT-31")
@pytest.mark.parametrize(
    "name",
    ["..", ".", "a..b", "a--b", "x.git", "-x", "x" * 97, "ä", "a b", "a\0b", "", "a/b/c", "%2e%2e"],
)
def test_bad_names_create_nothing(hub: Hub, token: str, name: str) -> None:
    before = len(list(hub.context.repositories.keys()))
    body = {"name": name, "type": "space", "sdk": "gradio"}
    answer = hub.wire.ask("POST", "/api/repos/create", token=token, json_body=body)
    assert answer.status in (400, 403), answer.body
    assert len(list(hub.context.repositories.keys())) == before


@pytest.mark.req("API-22")
@pytest.mark.parametrize(
    "query",
    ["limit=-1", "limit=x", "limit=0", "sort=password_hash", "cursor=x", "cursor=MXx4",
     "expand=secret", "sort=name;--"],
)  # fmt: skip
def test_bad_queries_are_named(hub: Hub, query: str) -> None:
    assert hub.wire.get(f"/api/spaces?{query}").status == 400


def test_wildcards_in_a_search_are_plain_characters(hub: Hub, token: str) -> None:
    for text in ("%25", "_ard/", "'%20OR%201=1--"):
        assert hub.wire.get(f"/api/spaces?search={text}").json() == []
    assert len(hub.wire.get("/api/spaces?limit=999999999").json()) <= 1000


def test_paths_are_decoded_once_and_segment_by_segment(hub: Hub, token: str) -> None:
    for path, status in (
        ("/api/spaces/hard/demo/tree/refs%2Fheads%2Fmain", 200),
        ("/api/spaces/hard/demo/tree/main/README.md%2F..%2F.git", 404),
        ("/api/spaces/hard/demo/tree/refs%252Fheads%252Fmain", 404),
        ("/api/spaces/hard%2Fdemo", 404),
        ("/api/spaces/hard/..%2Fhard%2Fdemo", 401),
        ("/api/spaces/%2e%2e/%2e%2e", 401),
        ("/api/spaces/hard/%ff", 401),
        ("/api/spaces/hard/a%00b", 401),
        ("/spaces/hard/demo/resolve/main/..%2f..%2fHEAD", 404),
        ("/spaces/hard/demo/resolve/main/../../HEAD", 404),
        ("/spaces/hard/demo/resolve/main/.git/config", 404),
        ("/spaces/hard/demo/resolve/main/README.md", 200),
    ):
        assert hub.wire.get(path).status == status, path


@pytest.mark.req("API-18")
def test_urls_carry_the_clients_host_if_it_is_ours(hub: Hub, token: str) -> None:
    hosts = (f"127.0.0.1:{hub.port}", "evil.example", f"localhost:{hub.port}")
    for number, host in enumerate(hosts):
        body = {"name": f"host{number}", "type": "space", "sdk": "docker"}
        made = hub.wire.ask(
            "POST", "/api/repos/create", token=token, json_body=body, headers={"Host": host}
        )
        expected = hub.url if "evil" in host else f"http://{host}"
        assert made.json()["url"] == f"{expected}/spaces/hard/host{number}"


@pytest.mark.req("API-28")
@pytest.mark.req("DUR-08")
@pytest.mark.parametrize(("action", "status"), [("raise", 500), ("nospace", 507)])
@pytest.mark.parametrize("point", ["create:before-rename", "space:after-repository"])
def test_failing_disks_are_told_without_detail_and_leave_nothing(
    hub: Hub, token: str, point: str, action: str, status: int
) -> None:
    before = set(hub.context.repositories.keys())
    body = {"name": "unlucky", "type": "space", "sdk": "gradio"}
    arm(point, action)
    try:
        headers = {"X-Request-Id": "my-request-1"}
        answer = hub.wire.ask(
            "POST", "/api/repos/create", token=token, json_body=body, headers=headers
        )
    finally:
        disarm(point)
    assert answer.status == status and answer.headers["X-Request-Id"] == "my-request-1"
    assert point not in str(answer.body) + str(answer.headers)
    assert ("my-request-1" in answer.error) == (status == 500)
    assert set(hub.context.repositories.keys()) == before
    assert hub.wire.get("/api/spaces/hard/unlucky", token=token).status == 404


@pytest.mark.req("API-25")
def test_a_change_in_a_session_needs_its_csrf_token(hub: Hub, token: str) -> None:
    cookie, csrf = hub.session("hard")
    path = "/api/spaces/hard/demo/variables"
    body = {"key": "VIA_SESSION", "value": "1"}
    for sent in ({}, {"X-CSRF-Token": "x"}):
        answer = hub.wire.ask("POST", path, json_body=body, headers={"Cookie": cookie, **sent})
        assert answer.status == 403
    good = {"Cookie": cookie, "X-CSRF-Token": csrf, "Sec-Fetch-Site": "same-origin"}
    assert hub.wire.ask("POST", path, json_body=body, headers=good).status == 200


@pytest.mark.req("API-27")
def test_get_changes_nothing(hub: Hub, token: str) -> None:
    def state() -> tuple[object, ...]:
        with hub.context.ledger.read() as tx:
            from spaceport.ledger import events

            return events.last_seq(tx), spaces.count(tx), len(accounts.listed(tx))

    before = state()
    paths = "/runtime /host /jwt /variables /secrets /refs /commits/main /revision/main"
    for path in ("", *paths.split()):
        assert hub.wire.get(f"/api/spaces/hard/demo{path}", token=token).status == 200
    assert state() == before


@pytest.mark.req("API-23")
def test_no_credentialed_cors(hub: Hub, token: str) -> None:
    for origin in ("null", f"http://hard-demo.localhost:{hub.port}", "https://evil.example"):
        answer = hub.wire.get("/api/whoami-v2", token=token, headers={"Origin": origin})
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert answer.headers.get_all("Access-Control-Allow-Origin") == ["*"]


def test_pages_of_others_may_read_what_clients_read(hub: Hub, token: str) -> None:
    for path in ("/api/whoami-v2", "/api/nothing", "/spaces/hard/demo/resolve/main/README.md"):
        exposed = hub.wire.get(path).headers.get_all("Access-Control-Expose-Headers") or []
        assert len(exposed) == 1
        names = {name.strip() for name in exposed[0].split(",")}
        assert {"X-HF-Warning", "Retry-After", "RateLimit", "RateLimit-Policy"} <= names
        assert {"X-Error-Code", "X-Repo-Commit", "X-Linked-Size", "ETag", "Link"} <= names


def test_ranges_and_conditions_of_a_file(hub: Hub, token: str) -> None:
    path = "/spaces/hard/demo/resolve/main/.gitattributes"
    whole = hub.wire.get(path)
    size = len(whole.body)
    tag = whole.headers["ETag"]
    for given, status, body in (
        ("bytes=0-9", 206, whole.body[:10]),
        ("bytes=10-", 206, whole.body[10:]),
        ("bytes=-5", 206, whole.body[-5:]),
        (f"bytes=0-{size * 2}", 200, whole.body),
        ("bytes=0-1,3-4", 200, whole.body),
        ("lines=1-2", 200, whole.body),
    ):
        answer = hub.wire.get(path, headers={"Range": given})
        assert (answer.status, answer.body) == (status, body), given
    beyond = hub.wire.get(path, headers={"Range": f"bytes={size}-"})
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert hub.wire.get(path, headers={"If-None-Match": tag}).status == 304
    head = hub.wire.ask("HEAD", path)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(size))
    assert head.headers["X-Repo-Commit"] == hub.wire.get("/api/spaces/hard/demo").json()["sha"]
    assert "sandbox" in whole.headers["Content-Security-Policy"]
