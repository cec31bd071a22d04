"""Cursors and pages: the form of the contract's example, and nothing else is taken for one."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from rest_framework.serializers import ValidationError

from accounts.models import ApiKey, Scope
from agentmessage.api.pagination import Cursor, CursorField, PageQuery
from agentmessage.api.views import operation_of
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import BrandFactory, CampaignFactory, PhoneNumberFactory, make_key
from tests.support.routes import VIEWS, methods_of
from tests.support.worlds import World

EXAMPLE = "eyJjcmVhdGVkX2F0IjoiMjAyNi0wNC0yNlQxMjowMDowMFoiLCJpZCI6IjAxOTAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMSJ9"
NOT_OURS = "is not a cursor of this API; pass next_cursor of the previous page unchanged"


@pytest.fixture
def reader(world: World) -> ApiClient:
    """A client that may read everything."""
    _key, plain = make_key(world.organization, *Scope)
    return ApiClient(plain)


def test_the_contracts_example_is_read_and_written() -> None:
    cursor = Cursor(datetime(2026, 4, 26, 12, tzinfo=UTC), UUID("01900000-0000-0000-0000-000000000001"))
    assert Cursor.decode(EXAMPLE) == cursor
    assert cursor.encode() == EXAMPLE


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()


def test_the_form_of_what_is_no_cursor_is_not_what_is_wrong_with_it() -> None:
    assert _encoded({"created_at": "2026-04-26T12:00:00Z", "id": "01900000-0000-0000-0000-000000000001"}) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        EXAMPLE[:-1],
        EXAMPLE[:-8],
        EXAMPLE[1:],
        EXAMPLE + "A",
        EXAMPLE + "=",
        EXAMPLE + "====",
        EXAMPLE.replace("e", "é"),
        " " + EXAMPLE,
        "A" * 500,
        _encoded([]),
        _encoded({}),
        _encoded({"created_at": "2026-04-26T12:00:00Z"}),
        _encoded({"created_at": "2026-04-26T12:00:00Z", "id": "x"}),
        _encoded({"created_at": "2026-04-26T12:00:00Z", "id": str(UUID(int=1)), "more": 1}),
        _encoded({"id": str(UUID(int=1)), "created_at": "2026-04-26T12:00:00Z"}),
        _encoded({"created_at": "2026-04-26T12:00:00Z", "id": str(UUID(int=10)).upper()}),
        _encoded({"created_at": "2026-04-26T12:00:00Z", "id": UUID(int=1).hex}),
        _encoded({"created_at": "2026-04-26T12:00:00.500Z", "id": str(UUID(int=1))}),
        _encoded({"created_at": "2026-04-26T14:00:00+02:00", "id": str(UUID(int=1))}),
        _encoded({"created_at": "9999-12-31T23:59:59-01:00", "id": str(UUID(int=1))}),
        _encoded({"created_at": "2026-04-26T12:00:00", "id": str(UUID(int=1))}),
        _encoded({"created_at": "2026-13-26T12:00:00Z", "id": str(UUID(int=1))}),
        _encoded({"created_at": "yesterday", "id": str(UUID(int=1))}),
        _encoded({"created_at": 0, "id": str(UUID(int=1))}),
        _encoded({"created_at": None, "id": None}),
    ],
)
def test_what_is_no_cursor(text: str) -> None:
    with pytest.raises(ValidationError, match="is not a cursor of this API"):
        CursorField().run_validation(text)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", 'limit "0" must be a whole number from 1 to 100'),
        ("limit=101", 'limit "101" must be a whole number from 1 to 100'),
        ("limit=", 'limit "" must be a whole number from 1 to 100'),
        ("limit=-1", 'limit "-1" must be a whole number from 1 to 100'),
        ("limit=1.5", 'limit "1.5" must be a whole number from 1 to 100'),
        ("limit=abc", 'limit "abc" must be a whole number from 1 to 100'),
        ("limit=%D9%A3", 'limit "\u0663" must be a whole number from 1 to 100'),
        ("limit=1&limit=2", "query parameter limit is repeated"),
        ("cursor=", f'cursor "" {NOT_OURS}'),
        ("cursor=%00", "query parameter cursor must be text"),
        ("cursor=" + EXAMPLE[:-3], f'cursor "{EXAMPLE[:60]}\u2026" {NOT_OURS}'),
        ("x=1&" * 1001, "too many query parameters"),
        ("offset=20", "unknown query parameter 'offset'; the parameters are {parameters}"),
        ("Limit=5", "unknown query parameter 'Limit'; the parameters are {parameters}"),
    ],
)
@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/v1/phone-numbers", "limit, cursor, number_type, campaign_id, carrier_line_option_status, search"),
        ("/v1/campaigns", "limit, cursor, status, brand_id"),
        ("/v1/brands", "limit, cursor, identity_status"),
        ("/v1/api-keys", "limit, cursor"),
        ("/v1/phone-numbers/{number}/campaign/history", "limit, cursor"),
    ],
)
def test_a_bad_query_is_refused(
    path: str, parameters: str, query: str, message: str, world: World, reader: ApiClient
) -> None:
    response = reader.get(f"{path.format(number=world.phone_number.id)}?{query}")
    assert_refused(response, 400, "INVALID_INPUT", message.format(parameters=parameters))


def test_pages_are_stable_while_rows_come_and_go(world: World, reader: ApiClient) -> None:
    # Half of them at one moment, so that the id has to decide.
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        PhoneNumberFactory.create(
            organization=world.organization, created_at=moment + timedelta(seconds=max(0, index - 12))
        )
        for index in range(25)
    ]
    everything = [*rows, world.phone_number]
    expected = [row.id for row in sorted(everything, key=lambda row: (row.created_at, row.id), reverse=True)]
    seen: list[UUID] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        body = reader.get(f"/v1/phone-numbers?limit=10{cursor and '&cursor=' + cursor}").json()
        assert body["meta"] | {"next_cursor": None} == {
            "total": 26 + pages,
            "limit": 10,
            "offset": 0,
            "next_cursor": None,
        }
        seen += [UUID(row["id"]) for row in body["data"]]
        cursor = body["meta"]["next_cursor"]
        # A new row sorts before the first page; one that was seen is released.
        PhoneNumberFactory.create(organization=world.organization, created_at=moment + timedelta(days=400))
        pages += 1
    assert pages == 3
    assert seen == expected


def _make_rows(path: str, world: World, moment: datetime) -> list[Any]:
    """Nine rows of a list, the newest first: the middle seven of one moment, so that their ids decide."""
    moments = [moment, *[moment - timedelta(seconds=1)] * 7, moment - timedelta(seconds=2)]
    organization = world.organization
    make: Callable[[datetime], Any] = {
        "/v1/phone-numbers": lambda at: PhoneNumberFactory.create(organization=organization, created_at=at),
        "/v1/phone-numbers?number_type=toll_free": lambda at: PhoneNumberFactory.create(
            organization=organization, created_at=at, number_type="toll_free"
        ),
        "/v1/campaigns": lambda at: CampaignFactory.create(brand=world.brand, created_at=at),
        "/v1/brands": lambda at: BrandFactory.create(organization=organization, created_at=at),
        "/v1/api-keys": lambda at: ApiKey.objects.create(
            organization=organization,
            label="x",
            prefix="x",
            digest=uuid4().bytes * 2,
            scopes=["brands:read"],
            created_at=at,
        ),
        "/v1/phone-numbers/{number}/campaign/history": lambda at: CampaignAttachment.objects.create(
            organization=organization,
            phone_number=world.phone_number,
            campaign=world.campaign,
            actor_kind="command",
            actor_id="test",
            created_at=at,
            status="propagated",
        ),
    }[path]
    rows = [make(at) for at in moments]
    return sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9, 10])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/phone-numbers",
        "/v1/phone-numbers?number_type=toll_free",
        "/v1/campaigns",
        "/v1/brands",
        "/v1/api-keys",
        "/v1/phone-numbers/{number}/campaign/history",
    ],
)
def test_every_list_shows_each_row_once(path: str, limit: int, world: World, reader: ApiClient) -> None:
    """Also where a page ends between rows of one moment. With `<=` for `<`, a page would begin with a row again."""
    rows = _make_rows(path, world, timezone.now() + timedelta(days=1))
    url = path.format(number=world.phone_number.id)
    url += f"{'&' if '?' in url else '?'}limit={limit}"
    seen: list[str] = []
    cursor: str | None = None
    while len(seen) < len(rows):
        response = reader.get(url if cursor is None else f"{url}&cursor={cursor}")
        body = response.json()
        seen += [row["id"] for row in body["data"]]
        cursor = body["meta"]["next_cursor"]
        # The header says the same, and is absent on the last page.
        assert response.headers.get("X-Next-Cursor") == cursor
        assert cursor is not None or len(seen) >= len(rows)
    assert seen[: len(rows)] == [str(row.id) for row in rows]
    assert len(set(seen)) == len(seen)


def test_every_list_of_the_document_is_walked() -> None:
    lists = {
        name
        for name, view in VIEWS.items()
        if "GET" in methods_of(name) and isinstance(operation_of(view, "GET").query, PageQuery)
    }
    assert lists == {"phone-numbers", "campaigns", "brands", "api-keys", "phone-number-campaign-history"}


def test_a_page_that_ends_the_list_has_no_next_cursor(world: World, reader: ApiClient) -> None:
    PhoneNumber.objects.filter(organization=world.organization).delete()
    rows = PhoneNumberFactory.create_batch(4, organization=world.organization)
    for limit, last in [(4, True), (3, False), (5, True)]:
        meta = reader.get(f"/v1/phone-numbers?limit={limit}").json()["meta"]
        assert (meta["next_cursor"] is None, meta["total"]) == (last, len(rows))


def test_a_cursor_may_point_at_nothing(world: World, reader: ApiClient) -> None:
    cursor = Cursor(datetime(2000, 1, 1, tzinfo=UTC), uuid4()).encode()
    body = reader.get(f"/v1/phone-numbers?cursor={cursor}").json()
    assert (body["data"], body["meta"]["next_cursor"], body["meta"]["total"]) == ([], None, 1)
