"""A person's way through the pages in a real browser: from creation to the live log."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from spaceport.artifact import Artifact, ArtifactKind
from spaceport.cause import Cause, Failure
from spaceport.ledger import builds, discussions, releases, replicas, spaces
from spaceport.ledger.builds import Build
from spaceport.ledger.database import Tx
from spaceport.ledger.spaces import Space
from spaceport.logbook import LogWriter, log_path
from spaceport.names import SpaceId
from spaceport.states import BuildState, ReleaseState, ReplicaState
from tests.hub.web.conftest import Site

pytestmark = pytest.mark.browser


EVERY = """
    /spaces /new-space /settings /spaces/walker/small /spaces/walker/small/tree/main
    /spaces/walker/small/discussions /spaces/walker/small/discussions/1
    /spaces/walker/small/discussions/new?pull=1 /spaces/walker/small/settings
    /spaces/walker/small/blob/main/.gitattributes /spaces/walker/none
""".split()
UNNAMED = """() => [...document.querySelectorAll("input, select, textarea, button, a")]
    .filter((each) => each.type !== "hidden" && !each.hidden)
    .filter((each) => !each.labels?.length && !each.ariaLabel && !each.textContent.trim())
    .map((each) => each.outerHTML)"""


class Backstage:
    """Writes into ledger and logs what builder and runtime would; the pages only read those."""

    def __init__(self, site: Site, id: str) -> None:
        self._site = site
        with site.context.ledger.read() as tx:
            found = spaces.by_id(tx, SpaceId.parse(id))
        assert found is not None
        self.space: Space = found

    def change(self, what: Callable[[Tx], object]) -> None:
        with self._site.context.ledger.write() as tx:
            what(tx)

    def build(self, *states: BuildState, failure: Failure | None = None) -> Build:
        revision = self.space.head or ""
        artifact = Artifact(ArtifactKind.IMAGE, image="x")
        with self._site.context.ledger.write() as tx:
            build = builds.queue(tx, self.space.key, revision)
        return self.move(build, *states, failure=failure, artifact=artifact)

    def move(
        self,
        build: Build,
        *states: BuildState,
        failure: Failure | None = None,
        artifact: Artifact | None = None,
    ) -> Build:
        for state in states:
            done = state is BuildState.SUCCEEDED
            failed = failure if state is BuildState.FAILED else None
            with self._site.context.ledger.write() as tx:
                present = builds.get(tx, build.id)
                assert present is not None
                builds.move(tx, present, state, failure=failed, artifact=artifact if done else None)
        with self._site.context.ledger.read() as tx:
            found = builds.get(tx, build.id)
        assert found is not None
        return found

    def log(self, build: Build) -> LogWriter:
        return LogWriter(log_path(self._site.context.data, self.space.key, "build", build.id))

    def start(self, build: Build) -> None:
        """A release of a succeeded build whose replica answered."""

        def run(tx: Tx) -> None:
            space = spaces.get(tx, self.space.key)
            release = releases.create(tx, space, build, card={}, variables={}, secret_versions={})
            replica = replicas.create(tx, space.key, release.id, engine="none", port=1)
            replicas.move(tx, replica, ReplicaState.READY)
            releases.move(tx, release, ReleaseState.LIVE)

        self.change(run)


def create(site: Site, page: Page, name: str) -> None:
    page.goto(f"{site.url}/new-space")
    page.fill("#name", "bad--name")
    expect(page.locator("#name-verdict.check-bad")).to_be_visible()
    page.fill("#name", name)
    expect(page.locator("#name-verdict.check-good")).to_be_visible()
    page.get_by_text("Create Space").click()
    page.wait_for_url(f"**/{name}")


def test_from_creation_to_the_live_build_log_and_the_app(site: Site) -> None:
    site.user("walker")
    with site.browser("walker") as page:
        create(site, page, "trip")
        stage = Backstage(site, "walker/trip")
        no_file = Failure(Cause.NO_APP_FILE, {"app_file": "app.py"})
        stage.build(BuildState.RUNNING, BuildState.FAILED, failure=no_file)
        expect(page.get_by_text("Waiting for your first push")).to_be_visible()

        page.get_by_role("button", name="Make a write token").click()
        expect(page.locator("#fresh-token pre")).to_contain_text("hf_")

        build = stage.build(BuildState.RUNNING)
        log = stage.log(build)
        log.write("\x1b[32mgreen words\x1b[0m <b>not bold</b>\n")
        expect(page.locator("#logs")).to_be_visible()
        expect(page.locator("#log")).to_contain_text("green words <b>not bold</b>")
        expect(page.locator("#log .fg-2")).to_have_text("green words")
        expect(page.locator("#stage")).to_have_text("Building")
        expect(page.get_by_text("Waiting for your first push")).to_be_hidden()
        log.write("a second line, later\n")
        expect(page.locator("#log")).to_contain_text("a second line, later")
        log.close()

        artifact = Artifact(ArtifactKind.IMAGE, image="x")
        stage.start(stage.move(build, BuildState.SUCCEEDED, artifact=artifact))
        frame = page.locator("#app-frame iframe")
        expect(frame).to_be_visible()
        expect(page.locator("#stage")).to_have_text("Running")
        address = frame.get_attribute("src") or ""
        assert address.startswith(f"http://walker-trip.localhost:{site.port}/?__theme=light")
        assert "allow-scripts" in (frame.get_attribute("sandbox") or "")
        assert "allow-top-navigation" not in (frame.get_attribute("sandbox") or "")


def test_a_failed_build_says_why_and_shows_its_log(site: Site) -> None:
    site.made("walker/broken")
    stage = Backstage(site, "walker/broken")
    failure = Failure(Cause.PACKAGE_NOT_FOUND, {"package": "gradoi", "file": "requirements.txt"})
    build = stage.build(BuildState.RUNNING)
    with stage.log(build) as log:
        log.write(
            "ERROR: no such thing\n" + "x" * 9000 + "\n\x1b]8;;https://evil\x1b\\l\x1b]8;;\x1b\\\n"
        )
    stage.move(build, BuildState.FAILED, failure=failure)
    earlier, build = build, stage.build(BuildState.RUNNING)
    with stage.log(build) as log:
        log.write("the newest\n")
    stage.move(build, BuildState.FAILED, failure=failure)
    assert earlier.number < build.number
    with site.browser("walker", color_scheme="dark") as page:
        page.goto(f"{site.url}/spaces/walker/broken?logs=build")
        expect(page.locator("#log")).to_contain_text("the newest")
        page.get_by_role("button", name="Previous").click()
        expect(page.get_by_text("The package gradoi could not be found.")).to_be_visible()
        expect(page.get_by_text("Check its spelling and version")).to_be_visible()
        expect(page.locator("#log")).to_contain_text("ERROR: no such thing")
        expect(page.locator("#log a")).to_have_count(0)
        expect(page.locator("#log-state")).to_have_text("ended")
    with site.browser() as page:
        page.goto(f"{site.url}/spaces/walker/broken")
        expect(page.get_by_text("could not be found")).to_be_visible()
        expect(page.locator("#logs")).to_have_count(0)


@pytest.mark.req("13.3.1")
@pytest.mark.req("WEB-13")
def test_query_and_hash_reach_the_frame_and_strangers_messages_do_nothing(site: Site) -> None:
    site.made("walker/framed")
    stage = Backstage(site, "walker/framed")
    stage.start(stage.build(BuildState.RUNNING, BuildState.SUCCEEDED))
    with site.browser() as page:
        page.route(
            f"http://walker-framed.localhost:{site.port}/**",
            lambda route: route.fulfill(content_type="text/html", body="<p>the app</p>"),
        )
        page.goto(f"{site.url}/spaces/walker/framed?x=1&logs=build#part")
        frame = page.frame_locator("#app-frame iframe")
        expect(frame.get_by_text("the app")).to_be_visible()
        app = page.frames[1]
        assert app.url.endswith("/?x=1&__theme=light#part")
        # Our own window posts: the source is not the frame, so nothing happens.
        page.evaluate("window.postMessage({queryString: 'evil=1'}, '*')")
        app.evaluate("parent.postMessage({queryString: 'a=2', hash: 'h', href: '//evil'}, '*')")
        page.wait_for_url("**/walker/framed?a=2#h")
        reply = app.evaluate(
            """() => new Promise((done) => {
                addEventListener("message", (event) => done(event.data));
                parent.postMessage({type: "USER_PLAN_REQUEST"}, "*");
            })"""
        )
        assert reply == {"type": "USER_PLAN", "plan": {"user": "anonymous"}}


def test_dark_theme_is_kept_and_the_phone_width_does_not_scroll_sideways(site: Site) -> None:
    space = site.made("walker/small")
    with site.context.ledger.write() as tx:
        discussions.begin(tx, space.key, space.owner_id, "long" * 50, "`" + "long" * 200 + "`")
    failure = Failure(Cause.NO_APP_FILE, {"app_file": "app.py"})
    Backstage(site, "walker/small").build(BuildState.RUNNING, BuildState.FAILED, failure=failure)
    with site.browser("walker", viewport={"width": 360, "height": 740}) as page:
        for path in EVERY:
            page.goto(site.url + path)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 360, (path, width)
        page.get_by_label("Switch between light and dark").click()
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_clone_dialog_tells_both_ways(site: Site) -> None:
    site.made("walker/copied")
    with site.browser() as page:
        page.goto(f"{site.url}/spaces/walker/copied/tree/main")
        page.get_by_role("button", name="Clone").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"git clone {site.url}/spaces/walker/copied")
        expect(dialog).to_contain_text("git clone ssh://git@localhost:2222/spaces/walker/copied")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()


def test_everything_on_a_form_has_a_name(site: Site) -> None:
    space = site.made("walker/named")
    with site.context.ledger.write() as tx:
        discussions.begin(tx, space.key, space.owner_id, "Hello", "words")
    with site.browser("walker") as page:
        for path in ("/login", "/spaces", "/new-space", "/settings", "/spaces/walker/named",
                     "/spaces/walker/named/settings", "/spaces/walker/named/discussions",
                     "/spaces/walker/named/discussions/new?pull=1",
                     "/spaces/walker/named/discussions/1?rename=1"):  # fmt: skip
            page.goto(site.url + path)
            unnamed = page.evaluate(UNNAMED)
            assert unnamed == [], json.dumps(unnamed)
            assert page.locator("h1").count() == 1, path
