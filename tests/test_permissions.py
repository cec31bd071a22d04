"""Who may call what: one row for each method of each route below /v1. A route or method without a row fails."""

import pytest

from accounts.api.base import TenantView
from accounts.models import Scope
from agentmessage.api.document import OpenApiView, TypesView
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import make_key
from tests.support.propagation import fail_propagation
from tests.support.routes import PATHS, ROUTES, call, path_of
from tests.support.worlds import World

# Route name, method, scope. The documentation needs no key.
TABLE: list[tuple[str, str, Scope | None]] = [
    ("phone-numbers", "GET", Scope.NUMBERS_READ),
    ("phone-number", "GET", Scope.NUMBERS_READ),
    ("phone-number", "PATCH", Scope.NUMBERS_WRITE),
    ("phone-number-readiness", "GET", Scope.NUMBERS_READ),
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
# What no key guards: the documentation.
OPEN = (OpenApiView, TypesView)


ROWS = [pytest.param(*row, id=f"{row[1]} {row[0]}") for row in TABLE]


# Where there is an id in the path.
ROWS_OF_ONE_THING = [row for row in ROWS if "<" in PATHS.get(str(row.values[0]), "")]


def test_every_method_of_every_route_has_a_row() -> None:
    found = set()
    for path, route in ROUTES:
        view = getattr(route.callback, "cls", None)
        if view in OPEN:
            continue
        assert view is not None, f"{path} is open to the public"
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
    response = call(ApiClient(plain), name, method, path_of(name, world, of="own"), world)
    assert response.status_code in (200, 201), response.content
    assert response.json()["success"] is True


@pytest.mark.parametrize(("name", "method", "scope"), ROWS)
def test_without_a_key(name: str, method: str, scope: Scope, world: World) -> None:
    for of in ("own", "missing"):
        response = call(ApiClient(None), name, method, path_of(name, world, of=of), world)
        assert_refused(response, 401, "UNAUTHORIZED", "authentication failed")
        assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("name", "method", "scope"), ROWS)
def test_with_every_scope_but_the_one(name: str, method: str, scope: Scope, world: World) -> None:
    _key, plain = make_key(world.organization, *(other for other in Scope if other != scope))
    for of in ("own", "missing"):
        response = call(ApiClient(plain), name, method, path_of(name, world, of=of), world)
        assert_refused(response, 403, "FORBIDDEN", "missing required scope")


@pytest.mark.parametrize(("name", "method", "scope"), ROWS_OF_ONE_THING)
def test_a_foreign_resource_is_not_found(name: str, method: str, scope: Scope, world: World) -> None:
    _key, plain = make_key(world.organization, scope)
    for of in ("stranger", "missing"):
        response = call(ApiClient(plain), name, method, path_of(name, world, of=of), world)
        assert_refused(response, 404, "NOT_FOUND", "not found")


@pytest.mark.parametrize("name", sorted({row[0] for row in TABLE}))
def test_head_needs_the_scope_of_get_and_options_needs_none(name: str, world: World) -> None:
    methods = {row[1]: row[2] for row in TABLE if row[0] == name}
    path = path_of(name, world, of="own")
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
