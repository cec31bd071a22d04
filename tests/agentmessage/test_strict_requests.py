"""A request that is understood only in part is refused and changes nothing.

The tests walk every method of every route of the URLconf, so that a new route is covered as soon as it exists.
"""

import json
from itertools import product
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from rest_framework.permissions import SAFE_METHODS, AllowAny
from rest_framework.request import Request

from accounts.models import Scope
from agentmessage.api.envelope import assign_request_id
from agentmessage.api.views import ApiView, operation_of
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import make_key
from tests.support.propagation import fail_propagation
from tests.support.routes import ROUTES, VIEWS, everything, methods_of, path_of, send, valid_body, view_of
from tests.support.worlds import World

EVERY = [(name, method) for name in VIEWS for method in methods_of(name)]
WRITES = [(name, method) for name, method in EVERY if method not in SAFE_METHODS]
OPEN = {"openapi", "types"}

every_method = pytest.mark.parametrize(("name", "method"), EVERY, ids=" ".join)
every_write = pytest.mark.parametrize(("name", "method"), WRITES, ids=" ".join)


@pytest.fixture
def client(world: World) -> ApiClient:
    """A client that may do everything."""
    _key, plain = make_key(world.organization, *Scope)
    return ApiClient(plain)


def test_the_walk_covers_the_routes() -> None:
    assert len(EVERY) >= 18
    assert ("phone-number-campaign", "DELETE") in WRITES
    assert len(VIEWS) == len(ROUTES)
    for name, view in VIEWS.items():
        assert issubclass(view, ApiView), f"{name} is not an ApiView"


@every_method
def test_an_unknown_query_parameter(name: str, method: str, world: World, client: ApiClient) -> None:
    path = path_of(name, world, of="own")
    before = everything()
    body = json.dumps(valid_body(name, method, world))
    for query in ("dry_run=true", "dryRun=1", "atomic=true", "Limit=1", "=", "%00=1", "x=1&x=2"):
        response = send(client, method, f"{path}?{query}", body)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "INVALID_INPUT")
        assert "query parameter" in response.json()["error"]["message"]
    assert everything() == before


@every_method
def test_an_unknown_query_parameter_comes_after_the_key_and_before_all_else(
    name: str, method: str, world: World, client: ApiClient
) -> None:
    path = path_of(name, world, of="missing").replace("0", "x") + "?dry_run=true"
    bad = {"content_type": "text/plain", "headers": {"Content-Encoding": "gzip", "If-Match": '"x"'}}
    response = send(client, method, path, b"[" + b"x" * 2_000_000, **bad)
    assert (response.status_code, b"unknown query parameter" in response.content) == (400, True)
    if name not in OPEN:
        _key, other = make_key(world.organization, *(scope for scope in Scope if scope != _scope(name, method)))
        assert send(ApiClient(other), method, path, b"[").status_code == 403
        assert send(ApiClient(None), method, path, b"[").status_code == 401


def _scope(name: str, method: str) -> Scope:
    scope: Scope = view_of(name).scopes[method]  # type: ignore[attr-defined]  # A TenantView.
    return scope


@every_write
def test_an_unknown_key(name: str, method: str, world: World, client: ApiClient) -> None:
    path = path_of(name, world, of="own")
    if name == "phone-number-campaign-retry":
        fail_propagation(world.phone_number, world.campaign)
    before = everything()
    extras: list[tuple[str, Any]] = [("dryRun", True), ("dry-run", True), ("atomc", True), ("Dry_run", None), ("", 1)]
    # The bulk attach alone has these; everywhere else they would be ignored.
    extras += [] if name == "campaign-phone-numbers" else [("dry_run", True), ("atomic", True)]
    for (key, value), valid in product(extras, ({}, valid_body(name, method, world) or {})):
        body = valid | {key: value}
        response = send(client, method, path, json.dumps(body))
        error = response.json()["error"]
        if (name, method) == ("phone-number-campaign", "POST"):
            assert (response.status_code, error["code"]) == (422, "VALIDATION_FAILED")
            assert key in error["details"]
        else:
            assert (response.status_code, error["code"]) == (400, "INVALID_INPUT")
            assert error["message"].startswith(f"unknown field {key!r}; ")
    assert everything() == before


@every_write
def test_a_key_twice_in_one_object(name: str, method: str, world: World, client: ApiClient) -> None:
    path = path_of(name, world, of="own")
    before = everything()
    for text, key in [
        ('{"a": 1, "a": 1}', "a"),
        ('{"a": 1, "\\u0061": 1}', "a"),
        ('{"dry_run": true, "x": ":", "dry_run": false}', "dry_run"),
        ('{"x": {"y": [{"z": 1, "z": 2}]}}', "z"),
        ('{"": 1, "": 2}', ""),
    ]:
        response = send(client, method, path, text)
        details = {key: "occurs more than once in one JSON object"}
        assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)
    assert everything() == before


@every_write
def test_each_key_of_a_body_that_goes_through_twice(name: str, method: str, world: World, client: ApiClient) -> None:
    body = valid_body(name, method, world) or {"x": 1}
    path = path_of(name, world, of="own")
    before = everything()
    for key, value in body.items():
        twice = ", ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in [*body.items(), (key, value)])
        response = send(client, method, path, "{" + twice + "}")
        details = {key: "occurs more than once in one JSON object"}
        assert_refused(response, 422, "VALIDATION_FAILED", "validation failed", details=details)
    assert everything() == before


@pytest.mark.parametrize("depth", [500, 900, 1000, 1020, 1100, 100_000])
def test_deep_nesting_is_refused_by_either_parser(depth: int, world: World, client: ApiClient) -> None:
    body = '{"campaign_id": ' + '{"a":' * depth + "1" + "}" * depth + "}"
    response = send(client, "POST", f"/v1/phone-numbers/{world.phone_number.id}/campaign", body)
    assert (response.status_code, list(response.json()["error"]["details"])) == (422, ["campaign_id"])


@every_write
def test_coded_content(name: str, method: str, world: World, client: ApiClient) -> None:
    path = path_of(name, world, of="own")
    before = everything()
    bodies = (b"", json.dumps(valid_body(name, method, world) or {}).encode())
    for coding, body in product(("gzip", "GZIP", "deflate", "br", "identity, gzip", "x"), bodies):
        response = send(client, method, path, body, headers={"Content-Encoding": coding})
        assert_refused(response, 415, "UNSUPPORTED_MEDIA_TYPE", "unsupported media type")
    assert everything() == before


@every_write
@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_content_that_is_not_coded_goes_through(
    coding: str, name: str, method: str, world: World, client: ApiClient
) -> None:
    if name == "phone-number-campaign-retry":
        fail_propagation(world.phone_number, world.campaign)
    body = json.dumps(valid_body(name, method, world) or {})
    response = send(client, method, path_of(name, world, of="own"), body, headers={"Content-Encoding": coding})
    assert response.status_code in (200, 201), response.content


@every_write
def test_a_body_that_is_no_json_object_or_declared_as_something_else(
    name: str, method: str, world: World, client: ApiClient
) -> None:
    path = path_of(name, world, of="own")
    before = everything()
    for body in (b"[]", b"null", b"1", b"nonsense", b'{"a": 1'):
        response = send(client, method, path, body)
        assert (response.status_code, response.json()["error"]["code"]) == (422, "VALIDATION_FAILED")
    response = send(client, method, path, b"dry_run=true", content_type="application/x-www-form-urlencoded")
    assert_refused(response, 415, "UNSUPPORTED_MEDIA_TYPE", "unsupported media type")
    assert everything() == before


@every_write
def test_nothing_and_an_empty_object_are_no_body(name: str, method: str, world: World, client: ApiClient) -> None:
    """Many clients send `{}` where there is nothing to say. Where there is, both are refused."""
    if name == "phone-number-campaign-retry":
        fail_propagation(world.phone_number, world.campaign)
    takes_a_body = bool(operation_of(view_of(name), method).body.fields)
    path = path_of(name, world, of="own")
    # A retry succeeds once.
    texts = ["{}"] if name == "phone-number-campaign-retry" else ["", "{}"]
    for text in texts:
        response = send(client, method, path, text)
        if takes_a_body and (name, method, text) != ("phone-number", "PATCH", "{}"):
            assert (response.status_code, response.json()["error"]["code"]) == (422, "VALIDATION_FAILED")
        else:
            assert response.status_code == 200, response.content


def test_a_method_that_declares_nothing_takes_nothing() -> None:
    """A new view is strict before anybody has thought of it."""

    class NewView(ApiView):
        permission_classes = (AllowAny,)

        def get(self, request: Request) -> HttpResponse:
            raise AssertionError("performed")

        post = patch = delete = get

    def answer(method: str, path: str, body: str = "", **headers: str) -> int:
        request = RequestFactory().generic(method, path, body, content_type="application/json", headers=headers)
        assign_request_id(request)
        return NewView.as_view()(request).status_code

    for method in ("GET", "POST", "PATCH", "DELETE"):
        assert answer(method, "/v1/new?dry_run=true") == 400
    for method in ("POST", "PATCH", "DELETE"):
        assert answer(method, "/v1/new", '{"dry_run": true}') == 400
        assert answer(method, "/v1/new", '{"a": 1, "a": 2}') == 422
        assert answer(method, "/v1/new", "{}", **{"Content-Encoding": "gzip"}) == 415
        assert answer(method, "/v1/new", "{}", **{"If-Match": '"x"'}) == 412
    assert answer("PUT", "/v1/new?dry_run=true") == 405
