"""The page of what was used, and the form for the budget."""

from __future__ import annotations

from tests.hub.test_billing import used
from tests.hub.web.conftest import Site


def test_the_page_the_form_and_the_file(site: Site) -> None:
    site.made("kim/app")
    used(site, "kim/app", 5400)
    visitor = site.visitor("kim")
    page = visitor.get("/settings/billing?month=2026-10").text
    assert "kim/app" in page and "$0.90" in page and "month=2026-09" in page
    file = visitor.get("/settings/billing?month=2026-10&format=csv")
    assert file.text.startswith("space,kind,name") and "kim/app,hardware,t4-small" in file.text
    assert visitor.post("/settings/billing/budget", monthly="7.50").location is not None
    assert 'value="7.50"' in visitor.get("/settings/billing").text
    wrong = visitor.post("/settings/billing/budget", monthly="a lot")
    assert wrong.status == 400 and "Write dollars" in wrong.text
    visitor.post("/settings/billing/budget", monthly="")
    assert "7.50" not in visitor.get("/settings/billing").text
    settings = visitor.get("/spaces/kim/app/settings").text
    assert 'id="usage"' in settings and 'href="/settings/billing"' in settings


def test_strangers_are_sent_away(site: Site) -> None:
    site.user("kim")
    assert site.visitor().get("/settings/billing").status == 303
    assert site.visitor("lea").get("/organizations/kim/billing").status == 403
