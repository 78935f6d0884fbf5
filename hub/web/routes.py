"""All pages and their addresses. `add_web(app, context)` is the entry."""

from __future__ import annotations

from aiohttp import web

from hub.context import HubContext
from hub.web.assets import Assets
from hub.web.door import Door
from hub.web.pages import (
    account,
    billing,
    commit,
    community_settings,
    create,
    discussion,
    discussions,
    duplicate,
    files,
    grants,
    hardware_settings,
    lists,
    name_settings,
    network_settings,
    preview_settings,
    previews,
    pricing,
    pull,
    pull_actions,
    sign_in,
    space,
    space_settings,
    storage_settings,
)
from hub.web.templating import Templates

_SPACE = "/spaces/{author}/{name}"
_PREVIEW = f"{_SPACE}/previews/{{preview}}"


def add_web(app: web.Application, context: HubContext) -> None:
    """Add the pages to the hub's application. Add them last: `/{author}` takes what is left."""
    assets = Assets.load()
    door = Door(context, Templates(assets, context.settings.hub_url))
    get, post = app.router.add_get, app.router.add_post
    get("/assets/{digest}/{name}", assets.serve)

    get("/", door(lists.all_spaces))
    get("/spaces", door(lists.all_spaces))
    get("/login", door(sign_in.form))
    post("/login", door(sign_in.sign_in))
    post("/logout", door(sign_in.sign_out))
    get("/join/{text}", door(sign_in.join_form))
    post("/join/{text}", door(sign_in.join))
    get("/new-space", door(create.form))
    post("/new-space", door(create.create))
    get("/new-space/check", door(create.check))

    get("/settings", door(account.page))
    post("/settings/tokens", door(account.create_token))
    post("/settings/tokens/revoke", door(account.revoke_token))
    post("/settings/keys", door(account.add_key))
    post("/settings/keys/remove", door(account.remove_key))
    post("/settings/password", door(account.change_password))
    for whose in ("/settings", "/organizations/{account}"):
        get(f"{whose}/billing", door(billing.page))
        post(f"{whose}/billing/budget", door(billing.set_budget))

    get("/pricing", door(pricing.page))
    get("/admin/grants", door(grants.page))
    post("/admin/grants", door(grants.decide))

    for place in (_SPACE, _PREVIEW):
        get(place, door(space.page))
        get(f"{place}/status", door(space.status))
        post(f"{place}/wake", door(space.wake))
        get(f"{place}/settings", door(space_settings.page))
        post(f"{place}/settings/variables", door(space_settings.set_variable))
        post(f"{place}/settings/variables/delete", door(space_settings.remove_variable))
        post(f"{place}/settings/secrets", door(space_settings.set_secret))
        post(f"{place}/settings/secrets/delete", door(space_settings.remove_secret))
        post(f"{place}/settings/rollback", door(space_settings.rollback))
        post(f"{place}/settings/pause", door(space_settings.pause))
        post(f"{place}/settings/restart", door(space_settings.restart))
        post(f"{place}/settings/hardware", door(hardware_settings.set_hardware))
        post(f"{place}/settings/sleep", door(hardware_settings.set_sleep))
    get(f"{_SPACE}/duplicate", door(duplicate.form))
    post(f"{_SPACE}/duplicate", door(duplicate.duplicate))
    for view, handler in (("tree", files.tree), ("commits", files.commits)):
        get(f"{_SPACE}/{view}/{{rev}}", door(handler))
        get(f"{_SPACE}/{view}/{{rev}}/{{path:.*}}", door(handler))
    get(f"{_SPACE}/previews", door(previews.page))
    get(f"{_SPACE}/commit/{{rev}}", door(commit.page))
    get(f"{_SPACE}/blob/{{rev}}/{{path:.+}}", door(files.blob))
    get(f"{_SPACE}/raw/{{rev}}/{{path:.+}}", door(files.raw))
    post(f"{_SPACE}/settings/storage", door(storage_settings.choose))
    post(f"{_SPACE}/settings/storage/delete", door(storage_settings.delete))
    post(f"{_SPACE}/settings/volumes", door(storage_settings.add))
    post(f"{_SPACE}/settings/volumes/delete", door(storage_settings.remove))
    post(f"{_SPACE}/settings/visibility", door(space_settings.set_visibility))
    post(f"{_SPACE}/settings/copies", door(space_settings.set_copies))
    post(f"{_SPACE}/settings/previews", door(preview_settings.switch))
    post(f"{_SPACE}/settings/previews/create", door(preview_settings.create))
    post(f"{_SPACE}/settings/previews/delete", door(preview_settings.remove))
    post(f"{_SPACE}/settings/grant", door(hardware_settings.ask_grant))
    post(f"{_SPACE}/settings/network", door(network_settings.set_network))
    post(f"{_SPACE}/settings/name", door(name_settings.move))
    post(f"{_SPACE}/settings/name/free", door(name_settings.free))
    post(f"{_SPACE}/settings/delete", door(space_settings.delete))

    post(f"{_SPACE}/settings/community", door(community_settings.switch))

    _add_discussions(app, door)
    get("/{author}", door(lists.profile))


def _add_discussions(app: web.Application, door: Door) -> None:
    get, post, one = app.router.add_get, app.router.add_post, f"{_SPACE}/discussions/{{number}}"
    get(f"{_SPACE}/discussions", door(discussions.page))
    post(f"{_SPACE}/discussions", door(discussions.begin))
    get(f"{_SPACE}/discussions/new", door(discussions.form))
    get(one, door(discussion.page))
    post(f"{one}/comment", door(discussion.comment))
    post(f"{one}/comment/{{comment}}/edit", door(discussion.edit))
    post(f"{one}/comment/{{comment}}/hide", door(discussion.hide))
    post(f"{one}/title", door(discussion.rename))
    post(f"{one}/pin", door(discussion.pin))
    post(f"{one}/lock", door(discussion.lock))
    get(f"{one}/files", door(pull.files))
    post(f"{one}/merge", door(pull_actions.merge))
    post(f"{one}/publish", door(pull_actions.publish))
    post(f"{one}/draft", door(pull_actions.redraft))
    post(f"{one}/delete-ref", door(pull_actions.delete_ref))
    post(f"{one}/trust", door(pull_actions.trust))
