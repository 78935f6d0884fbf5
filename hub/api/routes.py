"""The table of the API: method, path, what it needs, who answers. One gate stands before all.

`action` None: anybody may ask, and the handler asks `authorize` itself where that is needed. A path
with `{namespace}/{name}` is about that Space, and `action` is what the caller must be allowed there
before the handler, or the body, is looked at. Where that depends on the ref, `action` is what a
branch takes, and the handler asks for it, or for what somebody's pull request takes, before it
reads the body (`hub.api.targets`).
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from gitserver.commit import Commits
from hub.api import (
    avatars,
    billing,
    compare,
    content,
    discussions,
    disk,
    duplicate,
    grants,
    history,
    identity,
    lifecycle,
    listing,
    logs,
    metrics,
    moves,
    network,
    noise,
    preupload,
    previews,
    profiles,
    pulls,
    releases,
    repos,
    repositories,
    resolve,
    search,
    settings,
    spaces,
    ssh_keys,
    stages,
    storage,
    streams,
    validate_yaml,
)
from hub.api.access import actor_of, space_of
from hub.api.branches import RefChanges
from hub.api.call import ApiHandler, Call
from hub.api.changes import Changes
from hub.api.commit import commit_handler
from hub.api.errors import ApiError, framed
from hub.context import HubContext
from hub.origins import Origins
from hub.pulls import PULLS, PullRequests
from spaceport.authorize import REPO_NOT_FOUND, Action


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    handler: ApiHandler
    action: Action | None = None
    gate: Action | None = None  # what is asked at the gate, where the handler asks for the rest


SPACE = "/api/spaces/{namespace}/{name}"
REV = "{rev}"
PREVIEW = f"{SPACE}/previews/{{preview}}"
DISCUSSION = f"{SPACE}/discussions/{{number}}"
COMMENT = f"{DISCUSSION}/comment/{{comment}}"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/whoami-v2", identity.whoami),
    Route("GET", "/api/agent-harnesses", noise.harnesses),
    Route("HEAD", "/api/telemetry/{topic:.*}", noise.telemetry),
    Route("GET", "/api/settings/ssh-keys", ssh_keys.listing),
    Route("POST", "/api/settings/ssh-keys", ssh_keys.add),
    Route("DELETE", "/api/settings/ssh-keys/{id}", ssh_keys.remove),
    Route("GET", "/api/settings/billing/statement", billing.statement),
    Route("PUT", "/api/settings/billing/budget", billing.set_budget),
    Route("GET", "/api/users/{account}/billing/statement", billing.statement),
    Route("PUT", "/api/users/{account}/billing/budget", billing.set_budget),
    Route("GET", "/api/organizations/{account}/billing/statement", billing.statement),
    Route("PUT", "/api/organizations/{account}/billing/budget", billing.set_budget),
    Route("GET", "/api/settings/repositories", repositories.own),
    Route(
        "GET",
        "/api/organizations/{account}/settings/repositories",
        repositories.of_organization,
    ),
    Route("GET", "/avatars/{name}.svg", avatars.avatar),
    Route("POST", "/api/validate-yaml", validate_yaml.validate_yaml),
    Route("GET", "/api/users/{account}/overview", profiles.user),
    Route("GET", "/api/organizations/{account}/overview", profiles.organization),
    Route("POST", "/api/repos/create", repos.create),
    Route("POST", "/api/repos/move", repos.move),
    Route("DELETE", "/api/repos/delete", repos.delete),
    Route("GET", "/api/admin/grants", grants.listed),
    Route("POST", "/api/admin/grants/{id}", grants.decide),
    Route("GET", "/api/spaces", listing.listing),
    Route("GET", "/api/spaces/semantic-search", search.search),
    Route("GET", "/api/spaces/hardware", spaces.hardware),
    Route("GET", "/api/spaces/templates", spaces.templates),
    Route("GET", "/api/spaces/by-subdomain/{label}", spaces.by_subdomain),
    Route("GET", SPACE, spaces.info, Action.READ),
    Route("GET", f"{SPACE}/revision/{REV}", spaces.info, Action.READ),
    Route("GET", f"{SPACE}/auth-check", identity.allowed, Action.READ),
    Route("GET", f"{SPACE}/auth-check/write", identity.allowed, Action.WRITE),
    Route("GET", f"{SPACE}/host", spaces.host, Action.USE_APP),
    Route("GET", f"{SPACE}/jwt", spaces.ticket, Action.USE_APP),
    Route("GET", f"{SPACE}/runtime", storage.runtime, Action.USE_APP),
    Route("POST", f"{SPACE}/pause", lifecycle.pause, Action.MANAGE),
    Route("POST", f"{SPACE}/restart", lifecycle.restart, Action.MANAGE),
    Route("GET", f"{SPACE}/former-names", moves.listed, Action.ADMINISTER),
    Route("DELETE", f"{SPACE}/former-names", moves.free, Action.ADMINISTER),
    Route("GET", f"{SPACE}/network", network.show, Action.MANAGE),
    Route("PUT", f"{SPACE}/network", network.change, Action.MANAGE),
    Route("GET", f"{SPACE}/grants", grants.of_space, Action.MANAGE),
    Route("POST", f"{SPACE}/grants", grants.ask, Action.MANAGE),
    Route("GET", f"{SPACE}/releases", releases.history, Action.MANAGE),
    Route("POST", f"{SPACE}/rollback", releases.rollback, Action.MANAGE),
    Route("POST", f"{SPACE}/duplicate", duplicate.duplicate, Action.READ),
    Route("POST", f"{SPACE}/hardware", lifecycle.set_hardware, Action.MANAGE),
    Route("POST", f"{SPACE}/sleeptime", lifecycle.set_sleep_time, Action.MANAGE),
    Route("POST", f"{SPACE}/storage", storage.set_storage, Action.MANAGE),
    Route("DELETE", f"{SPACE}/storage", storage.delete_storage, Action.MANAGE),
    Route("PUT", f"{SPACE}/volumes", storage.put_volumes, Action.MANAGE),
    Route("DELETE", f"{SPACE}/volumes", storage.delete_volumes, Action.MANAGE),
    Route("PUT", f"{SPACE}/settings", settings.change, Action.ADMINISTER),
    Route("GET", f"{SPACE}/variables", settings.get_variables, Action.READ),
    Route("POST", f"{SPACE}/variables", settings.set_variable, Action.MANAGE),
    Route("DELETE", f"{SPACE}/variables", settings.remove_variable, Action.MANAGE),
    Route("GET", f"{SPACE}/secrets", settings.get_secrets, Action.MANAGE),
    Route("POST", f"{SPACE}/secrets", settings.set_secret, Action.MANAGE),
    Route("DELETE", f"{SPACE}/secrets", settings.remove_secret, Action.MANAGE),
    Route("GET", f"{SPACE}/logs/build", logs.build, Action.READ_LOGS),
    Route("GET", f"{SPACE}/logs/run", logs.run, Action.READ_LOGS),
    Route("GET", f"{SPACE}/events", stages.stream, Action.USE_APP),
    Route("GET", f"{SPACE}/metrics", metrics.stream, Action.READ_LOGS),
    Route("GET", f"{SPACE}/disk", disk.disk, Action.MANAGE),
    Route("GET", f"{SPACE}/previews", previews.listing, Action.READ),
    Route("POST", f"{SPACE}/previews", previews.create, Action.WRITE),
    Route("GET", PREVIEW, previews.one, Action.READ),
    Route("DELETE", PREVIEW, previews.remove, Action.WRITE),
    Route("GET", f"{SPACE}/metrics/history", history.history, Action.READ_LOGS),
    Route("GET", f"{SPACE}/discussions", discussions.listed, Action.READ),
    Route("POST", f"{SPACE}/discussions", discussions.begin, Action.CONTRIBUTE),
    Route("GET", DISCUSSION, discussions.details, Action.READ),
    Route("POST", f"{DISCUSSION}/comment", discussions.comment, Action.CONTRIBUTE),
    Route("POST", f"{COMMENT}/edit", discussions.edit, Action.CONTRIBUTE),
    Route("POST", f"{COMMENT}/hide", discussions.hide, Action.CONTRIBUTE),
    Route("POST", f"{DISCUSSION}/title", discussions.rename, Action.CONTRIBUTE),
    Route("POST", f"{DISCUSSION}/status", discussions.set_status, Action.CONTRIBUTE),
    Route("POST", f"{DISCUSSION}/pin", discussions.pin, Action.WRITE),
    Route("POST", f"{DISCUSSION}/lock", discussions.lock, Action.WRITE),
    Route("POST", f"{DISCUSSION}/merge", pulls.merge, Action.WRITE),
    Route("POST", f"{DISCUSSION}/trust", pulls.trust, Action.WRITE),
    Route("DELETE", f"{DISCUSSION}/ref", pulls.delete_ref, Action.CONTRIBUTE),
    Route("GET", f"{SPACE}/tree/{REV}", content.tree, Action.READ),
    Route("GET", f"{SPACE}/tree/{REV}/{{path:.*}}", content.tree, Action.READ),
    Route("POST", f"{SPACE}/paths-info/{REV}", content.paths_info, Action.READ),
    Route("POST", f"{SPACE}/preupload/{REV}", preupload.preupload, Action.WRITE, Action.READ),
    Route("GET", f"{SPACE}/refs", content.refs, Action.READ),
    Route("GET", f"{SPACE}/commits/{REV}", content.commits, Action.READ),
    Route("GET", f"{SPACE}/compare/{{revisions}}", compare.compare, Action.READ),
    Route(
        "GET",
        f"/spaces/{{namespace}}/{{name}}/resolve/{REV}/{{path:.+}}",
        resolve.resolve,
        Action.READ,
    ),
)


_ALIKE = """/disk /host /jwt /runtime /pause /restart /hardware /sleeptime /releases /rollback
    /variables /secrets /logs/build /logs/run /metrics""".split()
OF_PREVIEWS = tuple(
    Route(route.method, route.path.replace(SPACE, PREVIEW), route.handler, route.action)
    for route in ROUTES
    if route.path.removeprefix(SPACE) in _ALIKE
)
"""What a preview can be asked like any Space: the gate finds it, the handlers are the same."""


def routes(commits: Commits) -> tuple[Route, ...]:
    """Every route; commits are made with `commits`."""
    refs = RefChanges(commits)
    return (
        *ROUTES,
        *OF_PREVIEWS,
        Route("POST", f"{SPACE}/commit/{REV}", commit_handler(commits), Action.WRITE, Action.READ),
        Route("POST", f"{SPACE}/branch/{{branch}}", refs.create_branch, Action.WRITE),
        Route("DELETE", f"{SPACE}/branch/{{branch}}", refs.delete_branch, Action.WRITE),
        Route("POST", f"{SPACE}/super-squash/{{branch}}", refs.squash, Action.WRITE, Action.READ),
        Route("POST", f"{SPACE}/tag/{REV}", refs.create_tag, Action.WRITE),
        Route("DELETE", f"{SPACE}/tag/{{tag}}", refs.delete_tag, Action.WRITE),
    )


def add_api(app: web.Application, context: HubContext, commits: Commits) -> None:
    """Add every route of the API to `app`; what else is below `/api` is added before.

    Errors get their form around these routes alone, so that pages may have another one.
    """
    origins = Origins(context.settings)
    streams.add_streams(app, context.settings.hub.api)
    app[stages.CHANGES] = Changes(context.ledger, context.pools)
    app[PULLS] = PullRequests(context, commits)
    for route in routes(commits):
        handler = gated(route, context, origins)
        app.router.add_route(route.method, route.path, handler)
        if route.method == "GET" and route.handler is resolve.resolve:
            app.router.add_route("HEAD", route.path, handler)
    app.router.add_route("*", NO_CALL.path, gated(NO_CALL, context, origins))
    app.router.add_route("*", "/api/{rest:.*}", framed(_unknown))


def gated(route: Route, context: HubContext, origins: Origins) -> Handler:
    """The handler of a route, behind the one gate and with the one form for errors."""

    async def enter(request: web.Request) -> web.StreamResponse:
        actor = await actor_of(context, request)
        found = None
        action = route.gate or route.action
        if action is not None:
            found = await space_of(context, request, actor, action)
        return await route.handler(Call(request, context, actor, origins, found))

    return framed(enter)


async def _no_such_call(call: Call) -> web.StreamResponse:
    """What this server lacks, to those who may know that the Space is there (hub-api 1.4)."""
    asked = f"{call.request.method} {call.part('rest')[:100]}"
    raise ApiError(404, f"This server does not have the call '{asked}' for Spaces")


async def _unknown(request: web.Request) -> web.StreamResponse:
    kind = request.path.split("/")[2]
    code = REPO_NOT_FOUND if kind in ("models", "datasets", "kernels") else ""
    raise ApiError(404, "There is no such call, or no such repository", code)


NO_CALL = Route("*", f"{SPACE}/{{rest:.*}}", _no_such_call, Action.READ)
