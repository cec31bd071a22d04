"""A write with a conditional header that does not hold is 412 and changes nothing (RFC 9110, section 13)."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django.utils.http import http_date
from rest_framework.permissions import SAFE_METHODS

from accounts.models import Scope
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import make_key
from tests.support.propagation import fail_propagation
from tests.support.routes import VIEWS, everything, methods_of, path_of, send, valid_body
from tests.support.worlds import World

WRITES = [(name, method) for name in VIEWS for method in methods_of(name) if method not in SAFE_METHODS]
every_write = pytest.mark.parametrize(("name", "method"), WRITES, ids=" ".join)
LONG_AGO, FAR_AHEAD = "Wed, 21 Oct 2015 07:28:00 GMT", "Sat, 01 Jan 2050 00:00:00 GMT"
SECONDS = 30


@pytest.fixture
def client(world: World) -> ApiClient:
    """A client that may do everything."""
    _key, plain = make_key(world.organization, *Scope)
    return ApiClient(plain)


@every_write
@pytest.mark.parametrize(
    "headers",
    [
        {"If-Match": '"stale"'},
        {"If-Match": '"one", "two"'},
        {"If-Match": 'W/"stale"'},
        {"If-Match": "stale"},
        {"If-Match": ""},
        {"If-Unmodified-Since": LONG_AGO},
        {"If-Unmodified-Since": "yesterday"},
        {"If-Unmodified-Since": ""},
        {"If-None-Match": "*"},
    ],
    ids=str,
)
def test_a_condition_that_does_not_hold(
    headers: dict[str, str], name: str, method: str, world: World, client: ApiClient
) -> None:
    if name == "phone-number-campaign-retry":
        fail_propagation(world.phone_number, world.campaign)
    path, body = path_of(name, world, of="own"), json.dumps(valid_body(name, method, world) or {})
    before = everything()
    response = send(client, method, path, body, headers=headers)
    assert_refused(response, 412, "PRECONDITION_FAILED", "precondition failed")
    assert everything() == before


@every_write
@pytest.mark.parametrize(
    "headers", [{"If-Match": "*"}, {"If-Unmodified-Since": FAR_AHEAD}, {"If-None-Match": '"other"'}], ids=str
)
def test_a_condition_that_holds(
    headers: dict[str, str], name: str, method: str, world: World, client: ApiClient
) -> None:
    if name == "phone-number-campaign-retry":
        fail_propagation(world.phone_number, world.campaign)
    path, body = path_of(name, world, of="own"), json.dumps(valid_body(name, method, world) or {})
    assert send(client, method, path, body, headers=headers).status_code in (200, 201)


@pytest.mark.parametrize("path", ["/v1/phone-numbers/{id}", "/v1/phone-numbers/{id}/campaign"])
def test_the_tag_that_get_shows(path: str, world: World, client: ApiClient) -> None:
    path = path.format(id=world.phone_number.id)
    method, bodies = ("POST", [{"campaign_id": str(c.id)} for c in (world.campaign, world.other_campaign)])
    if not path.endswith("campaign"):
        method, bodies = "PATCH", [{"label": "first"}, {"label": "second"}]
    tag = client.get(path)["ETag"]
    assert send(client, method, path, json.dumps(bodies[0]), headers={"If-Match": f'"x", {tag}'}).status_code == 200
    after = everything()
    response = send(client, method, path, json.dumps(bodies[1]), headers={"If-Match": tag})
    assert_refused(response, 412, "PRECONDITION_FAILED", "precondition failed")
    assert everything() == after
    tag = client.get(path)["ETag"]
    # The comparison is the strong one.
    assert send(client, method, path, json.dumps(bodies[1]), headers={"If-Match": f"W/{tag}"}).status_code == 412
    assert send(client, method, path, json.dumps(bodies[1]), headers={"If-Match": tag}).status_code == 200


def test_a_detach_of_what_was_seen(world: World, client: ApiClient) -> None:
    client.attach(world.phone_number.id, world.campaign.id)
    path = f"/v1/phone-numbers/{world.phone_number.id}/campaign"
    tag = client.get(path)["ETag"]
    client.attach(world.phone_number.id, world.other_campaign.id)
    assert send(client, "DELETE", path, headers={"If-Match": tag}).status_code == 412
    assert CampaignAttachment.objects.count() == 2
    assert send(client, "DELETE", path, headers={"If-Match": client.get(path)["ETag"]}).status_code == 200


def test_a_patch_with_a_campaign_is_refused_as_a_whole(world: World, client: ApiClient) -> None:
    path = f"/v1/phone-numbers/{world.phone_number.id}"
    tag = client.get(path)["ETag"]
    client.patch(world.phone_number.id, {"label": "changed"})
    before = everything()
    body = json.dumps({"label": "x", "campaign_id": str(world.campaign.id)})
    assert send(client, "PATCH", path, body, headers={"If-Match": tag}).status_code == 412
    assert everything() == before


def test_since_the_number_last_changed(world: World, client: ApiClient) -> None:
    changed_at: datetime = timezone.now() - timedelta(hours=1)
    path = f"/v1/phone-numbers/{world.phone_number.id}"
    for method, where, body in [
        ("PATCH", path, json.dumps({"label": "x"})),
        ("POST", f"{path}/campaign", json.dumps({"campaign_id": str(world.campaign.id)})),
        ("DELETE", f"{path}/campaign", ""),
    ]:
        PhoneNumber.objects.filter(id=world.phone_number.id).update(updated_at=changed_at)
        for seconds, status in [(-1, 412), (0, 200)]:
            since = http_date(changed_at.timestamp() + seconds)
            response = send(client, method, where, body, headers={"If-Unmodified-Since": since})
            assert (method, seconds, response.status_code) == (method, seconds, status)


def test_if_match_takes_precedence(world: World, client: ApiClient) -> None:
    headers = {"If-Match": "*", "If-Unmodified-Since": LONG_AGO}
    path = f"/v1/phone-numbers/{world.phone_number.id}/campaign"
    body = json.dumps({"campaign_id": str(world.campaign.id)})
    assert send(client, "POST", path, body, headers=headers).status_code == 200


def test_the_rules_come_first(world: World, client: ApiClient) -> None:
    """What is refused without a condition is refused in the same way with one (RFC 9110, section 13.2.1)."""
    for number, campaign, code in [
        (world.phone_number.id, "x", "VALIDATION_FAILED"),
        (world.phone_number.id, uuid4(), "NOT_FOUND"),
        (world.stranger.phone_number.id, world.campaign.id, "NOT_FOUND"),
        (uuid4(), world.campaign.id, "NOT_FOUND"),
    ]:
        for condition in ("*", '"stale"'):
            body = json.dumps({"campaign_id": str(campaign)})
            path = f"/v1/phone-numbers/{number}/campaign"
            response = send(client, "POST", path, body, headers={"If-Match": condition})
            assert response.json()["error"]["code"] == code


@pytest.fixture
def committed(transactional_db: None) -> Iterator[World]:
    """A world that other connections see."""
    yield World()
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_who_saw_the_same_one_wins(committed: World) -> None:
    """Both requests wait for the row's lock before either may read its state."""
    _key, plain = make_key(committed.organization, *Scope)
    path = f"/v1/phone-numbers/{committed.phone_number.id}"
    tag = ApiClient(plain).get(path)["ETag"]

    def change(label: str) -> int:
        try:
            body = json.dumps({"label": label})
            return send(ApiClient(plain), "PATCH", path, body, headers={"If-Match": tag}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            PhoneNumber.objects.select_for_update().get(id=committed.phone_number.id)
            writers = [pool.submit(change, label) for label in ("first", "second")]
            _wait_until_locked(2)
        statuses = sorted(writer.result(SECONDS) for writer in writers)
    assert statuses == [200, 412]


def _wait_until_locked(sessions: int) -> None:
    deadline = timezone.now() + timedelta(seconds=SECONDS)
    waiting = 0
    while waiting < sessions:
        assert timezone.now() < deadline, f"{waiting} of {sessions} sessions wait for the lock"
        with connection.cursor() as cursor:
            # A transaction sees one snapshot of the sessions, unless it asks for another.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            (waiting,) = cursor.fetchone()
