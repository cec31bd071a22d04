"""The envelope holds for everything below /v1/, whatever goes wrong, and X-Request-Id is on every response."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NoReturn

import pytest
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest
from django.test import Client
from pytest_django import Settings

from phone_numbers.models import PhoneNumber
from tests.support.api import ULID, ApiClient, assert_refused
from tests.support.factories import make_key
from tests.support.waiting import DEADLINE
from tests.support.worlds import World


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/phone-numbers/",
        "/v1/phone-numbers/x/campaign/",
        "/v1/phone-numbers/x/campaign/y/z",
        "/v1/phone-numbers//campaign",
        "/v1/../admin/",
        "/v1/%00",
        "/v1/%ff%fe",
        "/v1/%E2%98%83",
        "/v1/" + "x" * 8000,
    ],
)
@pytest.mark.parametrize("method", ["get", "post", "put", "delete"])
def test_unknown_routes(path: str, method: str, api: ApiClient) -> None:
    response = getattr(api.client, method)(path)
    assert_refused(response, 404, "NOT_FOUND", "not found")


def test_a_trailing_slash_is_another_route_and_no_redirect(world: World, api: ApiClient) -> None:
    path = f"/v1/phone-numbers/{world.phone_number.id}/campaign/"
    response = api.post(path, {"campaign_id": str(world.campaign.id)})
    assert_refused(response, 404, "NOT_FOUND", "not found")


@pytest.mark.parametrize("method", ["put", "patch", "trace"])
def test_wrong_methods(method: str, world: World, api: ApiClient) -> None:
    response = getattr(api.client, method)(f"/v1/phone-numbers/{world.phone_number.id}/campaign")
    assert_refused(response, 405, "METHOD_NOT_ALLOWED", "method not allowed")
    assert "POST" in response["Allow"].split(", ")


def test_a_crashed_view_reveals_nothing(world: World, api: ApiClient) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE campaigns_campaign RENAME COLUMN name TO secret_detail")
    response = api.attach(world.phone_number.id, world.campaign.id)
    assert_refused(response, 500, "INTERNAL_ERROR", "internal error")


def crashing_middleware(get_response: object) -> Callable[[HttpRequest], NoReturn]:
    """Middleware that is no view: what it raises, Django answers with a page of its own."""

    def crash(request: HttpRequest) -> NoReturn:
        raise RuntimeError("secret detail")

    return crash


@pytest.mark.parametrize("debug", [False, True])
def test_a_crash_outside_of_a_view_is_in_the_envelope_too(debug: bool, settings: Settings) -> None:
    settings.DEBUG = debug
    settings.MIDDLEWARE = [settings.MIDDLEWARE[0], f"{__name__}.crashing_middleware"]
    response = ApiClient(None).get("/v1/phone-numbers")
    assert_refused(response, 500, "INTERNAL_ERROR", "internal error")


@pytest.mark.django_db(transaction=True)
def test_a_row_that_stays_locked_is_503_with_retry_after(transactional_db: None) -> None:
    world = World()
    _key, plain = make_key(world.organization)
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            PhoneNumber.objects.select_for_update().get(id=world.phone_number.id)
            locked.set()
            assert done.wait(DEADLINE)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        holder = pool.submit(hold)
        assert locked.wait(DEADLINE)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
        response = ApiClient(plain).attach(world.phone_number.id, world.campaign.id)
        done.set()
        holder.result(DEADLINE)
    connection.close()
    assert_refused(response, 503, "SERVICE_UNAVAILABLE", "service unavailable")
    assert response["Retry-After"] == "5"
    assert ApiClient(plain).attach(world.phone_number.id, world.campaign.id).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_database_that_went_away_is_503_and_comes_back(transactional_db: None) -> None:
    world = World()
    _key, plain = make_key(world.organization)
    with connection.cursor() as cursor, suppress(OperationalError):
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    response = ApiClient(plain).attach(world.phone_number.id, world.campaign.id)
    assert_refused(response, 503, "SERVICE_UNAVAILABLE", "service unavailable")
    assert response["Retry-After"] == "5"
    connection.close()
    assert ApiClient(plain).attach(world.phone_number.id, world.campaign.id).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/admin/login/", "/nothing", "/v1/nothing"])
def test_every_response_has_a_request_id_of_its_own(path: str, client: Client, db: None) -> None:
    ids = [client.get(path, headers={"X-Request-Id": "mine"})["X-Request-Id"] for _ in range(2)]
    assert all(ULID.fullmatch(request_id) for request_id in ids)
    assert ids[0] != ids[1]


def test_healthz_answers_without_a_database(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, json.loads(response.content)) == (200, {"status": "ok"})


def test_an_answer_is_not_to_be_kept(world: World, api: ApiClient) -> None:
    response = api.attach(world.phone_number.id, world.campaign.id)
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert not response.cookies
