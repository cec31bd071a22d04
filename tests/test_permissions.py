"""Who may call what: one row for each method of each route below /v1. A route or method without a row fails."""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.api.base import TenantView
from accounts.scopes import Scope
from agentmessage.api.document import openapi_document, typescript_types
from agentmessage.views import unknown_route
from tests.api import ApiClient, assert_refused
from tests.factories import make_key
from tests.support.propagation import fail_propagation
from tests.worlds import World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

# Route name, method, scope. The documentation needs no key.
TABLE: list[tuple[str, str, Scope | None]] = [
    ("phone-numbers", "GET", Scope.NUMBERS_READ),
    ("phone-number", "GET", Scope.NUMBERS_READ),
    ("phone-number", "PATCH", Scope.NUMBERS_WRITE),
    ("phone-number-campaign", "GET", Scope.NUMBERS_READ),
    ("phone-number-campaign", "POST", Scope.NUMBERS_WRITE),
    ("phone-number-campaign", "DELETE", Scope.NUMBERS_WRITE),
    ("phone-number-campaign-history", "GET", Scope.NUMBERS_READ),
    ("phone-number-campaign-retry", "POST", Scope.NUMBERS_WRITE),
    ("campaigns", "GET", Scope.CAMPAIGNS_READ),
    ("campaign", "GET", Scope.CAMPAIGNS_READ),
    ("campaign-phone-numbers", "POST", Scope.NUMBERS_WRITE),
    ("brands", "GET", Scope.BRANDS_READ),
    ("brand", "GET", Scope.BRANDS_READ),
    ("api-keys", "GET", Scope.APIKEYS_READ),
    ("api-keys", "POST", Scope.APIKEYS_WRITE),
    ("api-key", "DELETE", Scope.APIKEYS_WRITE),
]
# What no key guards: the documentation, and the answer to a route that there is not.
OPEN = {openapi_document, typescript_types, unknown_route}


def _body(name: str, method: str, world: World) -> dict[str, object] | None:
    """A body with which the call goes through, where it wants one."""
    match (name, method):
        case ("phone-number", "PATCH"):
            return {"label": "Front desk"}
        case ("phone-number-campaign", "POST"):
            return {"campaign_id": str(world.campaign.id)}
        case ("campaign-phone-numbers", "POST"):
            return {"phone_number_ids": [str(world.phone_number.id)]}
        case ("api-keys", "POST"):
            return {"label": "new", "scopes": ["apikeys:write"]}
    return None


ROWS = [pytest.param(*row, id=f"{row[1]} {row[0]}") for row in TABLE]


def _walk(entries: Iterable[URLPattern | URLResolver], above: str) -> Iterator[tuple[str, URLPattern]]:
    for entry in entries:
        path = above + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, path)
        elif path.lstrip("^").startswith("v1"):
            yield path, entry


# The path and the pattern of every route below /v1, however deep it is included.
ROUTES = list(_walk(get_resolver().url_patterns, ""))
PATHS = {route.name or "": path for path, route in ROUTES}
# Where there is an id in the path.
ROWS_OF_ONE_THING = [row for row in ROWS if "<" in PATHS.get(str(row.values[0]), "")]


def _path(name: str, world: World, *, of: str) -> str:
    """The path of a route to a thing of the world's own organization, of the stranger, or of nobody."""
    key, _plain = make_key(world.organization if of == "own" else world.stranger.organization)
    owner = world if of == "own" else world.stranger
    things = {"phone": owner.phone_number.id, "campaign": owner.campaign.id, "brand": owner.brand.id, "api": key.id}
    thing = uuid4() if of == "nobody" else things[name.partition("-")[0].rstrip("s")]
    return "/" + "/".join(str(thing) if "<" in part else part for part in PATHS[name].split("/"))


def _call(client: ApiClient, name: str, method: str, path: str, world: World) -> "Answer":
    body = _body(name, method, world)
    content = json.dumps(body) if body else ""
    return client.client.generic(method, path, content, content_type="application/json")


def test_every_method_of_every_route_has_a_row() -> None:
    found = set()
    for path, route in ROUTES:
        if route.callback in OPEN:
            continue
        view = getattr(route.callback, "cls", None)
        assert view is not None, f"{path} is open to everybody"
        assert issubclass(view, TenantView)
        methods = {name.upper() for name in view.http_method_names if name != "options" and hasattr(view, name)}
        found |= {(route.name, method, view.scopes.get(method)) for method in methods}
    assert found == set(TABLE)
    assert len(PATHS) == len(ROUTES), "two routes have one name"


@pytest.mark.parametrize(("name", "method", "scope"), ROWS)
def test_with_the_scope_alone_it_goes_through(name: str, method: str, scope: Scope, world: World) -> None:
    _key, plain = make_key(world.organization, scope)
    if name == "phone-number-campaign-retry":
        fail_propagation(world.phone_number, world.campaign)
    response = _call(ApiClient(plain), name, method, _path(name, world, of="own"), world)
    assert response.status_code in (200, 201), response.content
    assert response.json()["success"] is True


@pytest.mark.parametrize(("name", "method", "scope"), ROWS)
def test_without_a_key(name: str, method: str, scope: Scope, world: World) -> None:
    for of in ("own", "nobody"):
        response = _call(ApiClient(None), name, method, _path(name, world, of=of), world)
        assert_refused(response, 401, "UNAUTHORIZED", "authentication failed")
        assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("name", "method", "scope"), ROWS)
def test_with_every_scope_but_the_one(name: str, method: str, scope: Scope, world: World) -> None:
    _key, plain = make_key(world.organization, *(other for other in Scope if other != scope))
    for of in ("own", "nobody"):
        response = _call(ApiClient(plain), name, method, _path(name, world, of=of), world)
        assert_refused(response, 403, "FORBIDDEN", "missing required scope")


@pytest.mark.parametrize(("name", "method", "scope"), ROWS_OF_ONE_THING)
def test_another_organizations_thing_looks_like_none(name: str, method: str, scope: Scope, world: World) -> None:
    _key, plain = make_key(world.organization, scope)
    for of in ("stranger", "nobody"):
        response = _call(ApiClient(plain), name, method, _path(name, world, of=of), world)
        assert_refused(response, 404, "NOT_FOUND", "not found")


@pytest.mark.parametrize("name", sorted({row[0] for row in TABLE}))
def test_head_needs_the_scope_of_get_and_options_needs_none(name: str, world: World) -> None:
    methods = {row[1]: row[2] for row in TABLE if row[0] == name}
    path = _path(name, world, of="own")
    options = ApiClient(None).client.options(path)
    assert (options.status_code, options.content) == (204, b"")
    allowed = {*methods, "OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    assert set(options["Allow"].split(", ")) == allowed
    if "GET" not in methods:
        return
    scope = methods["GET"]
    assert scope is not None
    _key, right = make_key(world.organization, scope)
    _key, wrong = make_key(world.organization, *(other for other in Scope if other != scope))
    assert ApiClient(right).client.head(path).status_code == 200
    assert ApiClient(wrong).client.head(path).status_code == 403
    assert ApiClient(None).client.head(path).status_code == 401
