"""Lists and single numbers: what is shown, to whom, and what a page costs."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from accounts.models import Scope
from agentmessage.api.envelope import success
from agentmessage.api.pagination import Cursor
from phone_numbers.api.serializers import PhoneNumberSerializer, render_phone_number
from phone_numbers.models import LineOptionStatus, NumberState, NumberType, PhoneNumber
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import PhoneNumberFactory, make_key
from tests.support.worlds import World


@pytest.fixture
def reader(world: World) -> ApiClient:
    """A client that may read numbers."""
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ)
    return ApiClient(plain)


def _ids(reader: ApiClient, query: str) -> set[str]:
    body = reader.get(f"/v1/phone-numbers?{query}").json()
    assert body["meta"]["total"] == len(body["data"])
    return {row["id"] for row in body["data"]}


def _create(world: World, **fields: Any) -> str:
    row: PhoneNumber = PhoneNumberFactory.create(organization=world.organization, **fields)
    return str(row.id)


def test_the_list_shows_assigned_numbers_of_the_organization_only(world: World, reader: ApiClient) -> None:
    for state in (NumberState.PENDING, NumberState.QUARANTINED):
        _create(world, state=state)
    PhoneNumberFactory.create(in_stock=True)
    response = reader.get("/v1/phone-numbers")
    world.phone_number.refresh_from_db()
    shown = json.loads(json.dumps(render_phone_number(world.phone_number), default=_as_json))
    assert response.json() == {
        "success": True,
        "data": [shown],
        "meta": {"total": 1, "limit": 20, "offset": 0, "next_cursor": None},
    }


def _as_json(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def test_filters(world: World, reader: ApiClient) -> None:
    plain = str(world.phone_number.id)
    toll_free = _create(world, number_type=NumberType.TOLL_FREE, number="+18005550100")
    failed = _create(world, campaign=world.campaign, carrier_line_option_status=LineOptionStatus.FAILED)
    assert _ids(reader, "") == {plain, toll_free, failed}
    assert _ids(reader, "number_type=toll_free") == {toll_free}
    assert _ids(reader, f"campaign_id={world.campaign.id}") == {failed}
    assert _ids(reader, f"campaign_id={world.stranger.campaign.id}") == set()
    assert _ids(reader, "carrier_line_option_status=failed&number_type=local") == {failed}
    assert _ids(reader, "carrier_line_option_status=removing") == set()


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("%2B1800", {"toll_free"}),
        ("0100", {"toll_free"}),
        ("FRONT", {"front"}),
        ("front+desk", {"front"}),
        ("100%25", {"percent"}),
        ("%25", {"percent"}),
        ("_", {"underscore"}),
        ("%5C", {"backslash"}),
        ("%C3%A9", {"accent"}),
        ("%C3%89", {"accent"}),
        ("'", {"quote"}),
        ("stra%C3%9Fe", {"sharp"}),
        ("x" * 101, set()),
        ("x" * 5000, set()),
        ("nothing+of+the+kind", set()),
        ("", {"toll_free", "front", "percent", "underscore", "backslash", "accent", "quote", "sharp", "plain"}),
    ],
)
def test_search_covers_number_and_label(search: str, found: set[str], world: World, reader: ApiClient) -> None:
    ids = {
        _create(world, number="+18005550100"): "toll_free",
        _create(world, label="Front desk"): "front",
        _create(world, label="100% off"): "percent",
        _create(world, label="a_b"): "underscore",
        _create(world, label="c\\d"): "backslash",
        _create(world, label="Caf\u00e9"): "accent",
        _create(world, label="Joe's"): "quote",
        _create(world, label="Stra\u00dfe 7"): "sharp",
        str(world.phone_number.id): "plain",
    }
    assert {ids[row] for row in _ids(reader, f"search={search}")} == found


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("number_type=mobile", 'number_type "mobile" must be one of local, toll_free, short_code'),
        ("number_type=", 'number_type "" must be one of local, toll_free, short_code'),
        ("campaign_id=x", 'campaign_id "x" must be a UUID'),
        ("campaign_id=", 'campaign_id "" must be a UUID'),
        (
            "carrier_line_option_status=null",
            'carrier_line_option_status "null" must be one of pending, propagated, failed, removing',
        ),
        ("search=a&search=b", "query parameter search is repeated"),
        ("search=%00", "query parameter search must be text"),
        ("search=%FF", "query parameter search must be text"),
        ("search=0100%0A", "query parameter search must be text"),
    ],
)
def test_filters_that_make_no_sense(query: str, message: str, world: World, reader: ApiClient) -> None:
    assert_refused(reader.get(f"/v1/phone-numbers?{query}"), 400, "INVALID_INPUT", message)


def test_a_page_of_a_hundred_takes_as_many_statements_as_a_page_of_one(world: World, reader: ApiClient) -> None:
    reader.get("/v1/phone-numbers")
    PhoneNumberFactory.create_batch(101, campaign=world.campaign, propagated=True)
    counts = []
    for limit in (1, 100):
        with CaptureQueriesContext(connection) as captured:
            assert len(reader.get(f"/v1/phone-numbers?limit={limit}").json()["data"]) == limit
        counts.append(len(captured))
    assert counts == [3, 3]


def test_single_reads(world: World, reader: ApiClient) -> None:
    response = reader.get(f"/v1/phone-numbers/{world.phone_number.id}")
    world.phone_number.refresh_from_db()
    shown = json.loads(json.dumps(render_phone_number(world.phone_number), default=_as_json))
    assert response.json() == {"success": True, "data": shown}
    assert response["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("has_campaign", [True, False])
def test_the_renderer_by_hand_and_the_serializer_agree(has_campaign: bool, world: World, api: ApiClient) -> None:
    if has_campaign:
        api.attach(world.phone_number.id, world.campaign.id)
        PhoneNumber.objects.filter(id=world.phone_number.id).update(
            carrier_line_option_status="propagated",
            carrier_line_option_propagated_at=Now(),
            label="Front desk",
            inbound_url="https://example.com/in",
        )
    world.phone_number.refresh_from_db()
    by_hand = json.loads(success(render_phone_number(world.phone_number)).content)["data"]
    by_serializer = PhoneNumberSerializer(world.phone_number).data
    assert list(by_hand.items()) == list(by_serializer.items())


@pytest.mark.parametrize("path", ["", "/campaign", "/campaign/history"])
def test_a_number_that_is_not_assigned_is_not_shown(path: str, world: World, reader: ApiClient) -> None:
    for state in (NumberState.PENDING, NumberState.QUARANTINED):
        PhoneNumber.objects.filter(id=world.phone_number.id).update(state=state)
        assert_refused(reader.get(f"/v1/phone-numbers/{world.phone_number.id}{path}"), 404, "NOT_FOUND", "not found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/v1/phone-numbers/{id}"),
        ("patch", "/v1/phone-numbers/{id}"),
        ("get", "/v1/phone-numbers/{id}/campaign"),
        ("delete", "/v1/phone-numbers/{id}/campaign"),
        ("get", "/v1/phone-numbers/{id}/campaign/history"),
        ("get", "/v1/campaigns/{id}"),
        ("get", "/v1/brands/{id}"),
        ("delete", "/v1/api-keys/{id}"),
    ],
)
def test_a_malformed_path_id(method: str, path: str, world: World) -> None:
    _key, plain = make_key(world.organization, *Scope)
    for text in ("x", world.phone_number.id.hex, "%00", f"{world.phone_number.id} "):
        response = getattr(ApiClient(plain).client, method)(path.format(id=text))
        details = {"id": "must be a UUID, as 36 characters in the hyphenated form"}
        assert_refused(response, 400, "VALIDATION_FAILED", "validation failed", details=details)


@pytest.mark.parametrize("path", ["/v1/phone-numbers/{number}", "/v1/phone-numbers/{number}/campaign"])
def test_a_single_read_takes_no_query(path: str, world: World, reader: ApiClient) -> None:
    response = reader.get(path.format(number=world.phone_number.id) + "?expand=1")
    assert_refused(response, 400, "INVALID_INPUT", "unknown query parameter 'expand'; there are none")


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "*"])
def test_what_a_client_has_already_is_not_sent_again(form: str, world: World, reader: ApiClient) -> None:
    path = f"/v1/phone-numbers/{world.phone_number.id}"
    first = reader.get(path)
    again = reader.get(path, headers={"If-None-Match": form.format(first["ETag"])})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert again["X-Request-Id"] != first["X-Request-Id"]
    PhoneNumber.objects.filter(id=world.phone_number.id).update(label="changed")
    changed = reader.get(path, headers={"If-None-Match": first["ETag"]})
    assert (changed.status_code, changed["ETag"] != first["ETag"]) == (200, True)


def _plan(statement: str) -> list[dict[str, Any]]:
    """The nodes of the plan, outermost first."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + statement)
        node = cursor.fetchone()[0][0]["Plan"]
    nodes = []
    while node:
        nodes.append(node)
        node = (node.get("Plans") or [None])[0]
    return nodes


@pytest.fixture
def many(world: World) -> int:
    """Two hundred thousand numbers of the organization."""
    count = 200_000
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO numbers_phonenumber (id, organization_id, number, number_type, state, label, sms_enabled,"
            " mms_enabled, created_at, updated_at, campaign_id, carrier_line_option_status)"
            " SELECT gen_random_uuid(), %s, '+2' || (1000000000 + i),"
            " CASE WHEN i %% 5000 = 0 THEN 'toll_free' ELSE 'local' END, 'ASSIGNED', md5(i::text), true, true,"
            " timestamptz '2026-01-01Z' + (i / 50) * interval '1 second', now(),"
            " CASE WHEN i %% 3 = 0 THEN %s::uuid END, CASE WHEN i %% 3 = 0 THEN 'pending' END"
            " FROM generate_series(1, %s) i",
            [world.organization.id, world.campaign.id, count],
        )
        cursor.execute("ANALYZE numbers_phonenumber")
    return count


def test_every_page_is_a_range_of_an_index(many: int, world: World, reader: ApiClient) -> None:
    """The first page and one 180,000 numbers deep, with and without filters: no sort, no offset, one index."""
    deep = Cursor(datetime(2026, 1, 1, 0, 6, 40, tzinfo=UTC), world.phone_number.id).encode()
    for filters, index in [
        ("", "numbers_phonenumber_newest"),
        (f"&campaign_id={world.campaign.id}", "numbers_phonenumber_campaign"),
        ("&number_type=toll_free", "numbers_phonenumber_type"),
        ("&carrier_line_option_status=pending", "numbers_phonenumber_status"),
    ]:
        for place in ("", f"&cursor={deep}"):
            with CaptureQueriesContext(connection) as captured:
                response = reader.get(f"/v1/phone-numbers?limit=100{filters}{place}")
            assert response.status_code == 200
            statement = next(query["sql"] for query in captured if "LIMIT 101" in query["sql"])
            assert "OFFSET" not in statement
            limit, scan = _plan(statement)
            assert (limit["Node Type"], scan["Node Type"], scan["Index Name"]) == ("Limit", "Index Scan", index)
            assert ("ROW(created_at, id) <" in scan["Index Cond"]) == bool(place)


def test_a_rare_search_goes_by_its_index(many: int, reader: ApiClient) -> None:
    with CaptureQueriesContext(connection) as captured:
        found = reader.get("/v1/phone-numbers?search=c4ca4238a0b9").json()
    # The MD5 of "1", which the first of them bears.
    assert [row["number"] for row in found["data"]] == ["+21000000001"]
    plan = _plan(next(query["sql"] for query in captured if "LIMIT 21" in query["sql"]))
    assert plan[-1]["Index Name"] == "numbers_phonenumber_find"
