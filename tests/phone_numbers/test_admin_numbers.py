"""Phone numbers at the admin: their lists and forms."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.actors import Actor
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.attach import attach_campaign
from tests.support.factories import CampaignFactory, PhoneNumberFactory
from tests.support.operators import count_queries, errors_of, listed, page, sign_in
from tests.support.worlds import World

ACTOR = Actor.for_command("test")
NOT_A_URL = "must be a valid https URL."
STATE = "An available number has no organization; a pending or assigned one has."
NO_HISTORY = {"attachments-TOTAL_FORMS": "0", "attachments-INITIAL_FORMS": "0"}


def _row(phone_number: PhoneNumber) -> Any:
    return PhoneNumber.objects.filter(id=phone_number.id).values().get()


def _form(**fields: Any) -> dict[str, Any]:
    return {
        "number": "+19195550100",
        "number_type": "local",
        "organization": "",
        "state": "AVAILABLE",
        "label": "",
        "sms_enabled": "on",
        "inbound_url": "",
        "status_url": "",
    } | fields


def test_a_number_is_added_to_the_stock(admin_client: Client) -> None:
    assert admin_client.post(page(PhoneNumber, "add"), _form()).status_code == 302
    number = PhoneNumber.objects.get()
    assert (number.number, number.state, number.organization, number.label) == (
        "+19195550100", "AVAILABLE", None, None,
    )  # fmt: skip
    assert (number.inbound_url, number.sms_enabled, number.mms_enabled) == (None, True, False)


def test_a_number_is_added_for_an_organization_but_never_with_a_campaign(world: World, admin_client: Client) -> None:
    form = _form(
        organization=str(world.organization.id),
        state="ASSIGNED",
        campaign=str(world.campaign.id),
        carrier_line_option_status="propagated",
        inbound_url="https://example.com/in",
    )
    assert admin_client.post(page(PhoneNumber, "add"), form).status_code == 302
    number = PhoneNumber.objects.get(number="+19195550100")
    assert (number.organization, number.state) == (world.organization, "ASSIGNED")
    assert (number.campaign, number.carrier_line_option_status) == (None, None)
    assert number.inbound_url == "https://example.com/in"
    assert not CampaignAttachment.objects.exists()


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"number": "+0195550100"}, {"number": ['"+0195550100" is not a valid phone number.']}),
        ({"number": "54321"}, {"number": ['"54321" is a short code, not a local number.']}),
        ({"number": "+18005550100"}, {"number": ['"+18005550100" is a toll-free number, not a local one.']}),
        (
            {"number": "5432", "number_type": "short_code"},
            {"number": ['"5432" is not a short code of 5 or 6 digits.']},
        ),
        ({"number": "(919) 222-0000"}, {"number": ["Phone number with this Number already exists."]}),
        ({"state": "ASSIGNED"}, {"organization": [STATE]}),
        ({"state": "PENDING"}, {"organization": [STATE]}),
        ({"organization": "ours"}, {"organization": [STATE]}),
        ({"state": "GONE"}, {"state": ["Select a valid choice. GONE is not one of the available choices."]}),
        (
            {"number_type": "pager"},
            {"number_type": ["Select a valid choice. pager is not one of the available choices."]},
        ),
        ({"inbound_url": "http://example.com"}, {"inbound_url": [f'"http://example.com" {NOT_A_URL}']}),
        ({"status_url": "ftp://example.com"}, {"status_url": [f'"ftp://example.com" {NOT_A_URL}']}),
        ({"label": "x" * 101}, {"label": ["Ensure this value has at most 100 characters (it has 101)."]}),
    ],
)
def test_a_refused_number_is_not_added(
    fields: dict[str, str], refused: dict[str, list[str]], world: World, admin_client: Client
) -> None:
    PhoneNumberFactory.create(number="+19192220000")
    if "organization" in fields:
        fields = {"organization": str(world.organization.id)}
    assert errors_of(admin_client.post(page(PhoneNumber, "add"), _form(**fields))) == refused
    assert PhoneNumber.objects.count() == 3


@pytest.mark.parametrize("number", ["54321", "543210", "+5411987654321"])
def test_short_codes_and_long_numbers_are_taken(number: str, admin_client: Client) -> None:
    form = _form(number=number, number_type="local" if number.startswith("+") else "short_code")
    assert admin_client.post(page(PhoneNumber, "add"), form).status_code == 302
    assert PhoneNumber.objects.get().number == number


def test_the_form_of_a_number_changes_its_label_and_how_messages_go_and_nothing_else(
    world: World, admin_client: Client
) -> None:
    before = _row(world.phone_number)
    form = NO_HISTORY | _form(
        label="Front desk",
        status_url="https://example.com/status",
        organization=str(world.stranger.organization.id),
        state="QUARANTINED",
        campaign=str(world.campaign.id),
        carrier_line_option_status="propagated",
        number_type="toll_free",
    )
    assert admin_client.post(page(PhoneNumber, "change", world.phone_number.id), form).status_code == 302
    after = _row(world.phone_number)
    assert after == before | {
        "label": "Front desk",
        "status_url": "https://example.com/status",
        "mms_enabled": False,
        "updated_at": after["updated_at"],
    }
    assert after["updated_at"] > before["updated_at"]


def test_the_form_of_a_number_writes_what_was_changed_in_one_statement(world: World, admin_client: Client) -> None:
    """An attach that happens while the page is open stays."""
    form = NO_HISTORY | _form(label="Front desk", mms_enabled="on")
    with CaptureQueriesContext(connection) as queries:
        admin_client.post(page(PhoneNumber, "change", world.phone_number.id), form)
    [write] = [query["sql"] for query in queries if query["sql"].startswith('UPDATE "numbers_phonenumber"')]
    assert re.findall(r'"(\w+)" = ', write.partition("WHERE")[0]) == ["label", "updated_at"]


def test_a_form_that_changes_nothing_writes_nothing(world: World, admin_client: Client) -> None:
    before = _row(world.phone_number)
    form = NO_HISTORY | _form(mms_enabled="on")
    assert admin_client.post(page(PhoneNumber, "change", world.phone_number.id), form).status_code == 302
    assert _row(world.phone_number) == before


def test_a_form_keeps_history_in_order_even_if_another_machines_clock_ran_ahead(
    world: World, admin_client: Client
) -> None:
    ahead = timezone.now() + timedelta(minutes=5)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(updated_at=ahead)
    form = NO_HISTORY | _form(label="Front desk")
    admin_client.post(page(PhoneNumber, "change", world.phone_number.id), form)
    assert _row(world.phone_number)["updated_at"] == ahead + timedelta(microseconds=1)


def test_a_number_of_the_stock_can_be_labelled(admin_client: Client) -> None:
    number = PhoneNumberFactory.create(in_stock=True)
    form = NO_HISTORY | _form(label="Vanity")
    assert admin_client.post(page(PhoneNumber, "change", number.id), form).status_code == 302
    assert _row(number)["label"] == "Vanity"


def test_a_number_with_history_is_not_deleted(world: World, admin_client: Client) -> None:
    attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=world.phone_number.id,
        campaign_id=world.campaign.id,
        actor=ACTOR,
    )
    response = admin_client.post(page(PhoneNumber, "delete", world.phone_number.id), {"post": "yes"})
    (message,) = get_messages(response.wsgi_request)
    assert str(message) == (
        f"“{world.phone_number.number}” cannot be deleted, because of 1 campaign attachment. Release it instead."
    )
    address = page(PhoneNumber, "delete", world.stranger.phone_number.id)
    assert admin_client.post(address, {"post": "yes"}).status_code == 302
    assert list(PhoneNumber.objects.all()) == [world.phone_number]


def test_numbers_are_found_by_their_beginning_label_and_ids(world: World, admin_client: Client) -> None:
    number = PhoneNumberFactory.create(number="+442071838750", label="London, front desk")
    american = PhoneNumberFactory.create(number="+13365550123", label="2nd floor")
    attached = world.phone_number
    attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=attached.id,
        campaign_id=world.campaign.id,
        actor=ACTOR,
    )
    for term, found in {
        "+4420": [number],
        "44 (20) 7183-87": [number],
        "336 555": [american],
        "1336": [american],
        "+336": [],
        "8750": [number],
        "0123": [american],
        "+44 (0)20 7183 8750": [number],
        "011 44 20 7183 8750": [number],
        "1838": [],
        "71838": [number],
        "nd": [],
        "2nd fl": [american],
        "DESK london": [number],
        "london floor": [],
        "2nd": [american],
        str(american.id): [american],
        str(world.campaign.id): [attached],
        str(world.other_campaign.id): [],
    }.items():
        assert listed(admin_client.get(page(PhoneNumber, "changelist"), {"q": term})) == found, term


@pytest.mark.parametrize(
    "term", ["919 200", "+1 (919) 200-0001", "0001", "desk", "91", "01935b8e-7c3a-7d21-9c55-0242ac120002"]
)
def test_a_search_for_a_number_uses_indexes(term: str, world: World, admin_client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(page(PhoneNumber, "changelist"), {"q": term})
    select = next(sql for sql in (query["sql"] for query in queries) if "COUNT" in sql and "numbers_phonenumber" in sql)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute(f"EXPLAIN {select}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Bitmap Index Scan on numbers_phonenumber_" in plan
    assert "Seq Scan on numbers_phonenumber" not in plan


def test_numbers_are_filtered(world: World, admin_client: Client) -> None:
    attached, free = world.phone_number, PhoneNumberFactory.create(organization=world.organization, porting=True)
    attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=attached.id,
        campaign_id=world.campaign.id,
        actor=ACTOR,
    )
    stock = PhoneNumberFactory.create(in_stock=True, number_type="toll_free")
    noon = timezone.now().replace(hour=12)
    PhoneNumber.objects.update(created_at=noon)
    today, tomorrow = noon.date().isoformat(), (noon + timedelta(days=1)).date().isoformat()
    for query, found in [
        ({"organization__id__exact": str(world.organization.id)}, [attached, free]),
        ({"campaign__id__exact": str(world.campaign.id)}, [attached]),
        ({"has_campaign": "yes"}, [attached]),
        ({"has_campaign": "no"}, [world.stranger.phone_number, free, stock]),
        ({"state__exact": "PENDING"}, [free]),
        ({"carrier_line_option_status__exact": "pending"}, [attached]),
        ({"carrier_side": "pending"}, [attached]),
        ({"carrier_side": "none"}, [world.stranger.phone_number, free, stock]),
        ({"number_type__exact": "toll_free"}, [stock]),
        ({"created_at_from_0": tomorrow, "created_at_from_1": "00:00:00"}, []),
        ({"created_at_from_0": today, "created_at_to_0": today, "number_type__exact": "toll_free"}, [stock]),
        ({"created_at_to_0": today, "created_at_to_1": "00:00:00"}, []),
        ({"created_at_from_0": "2026-02-30", "number_type__exact": "toll_free"}, [stock]),
    ]:
        assert listed(admin_client.get(page(PhoneNumber, "changelist"), query)) == sorted(found, key=str), query


def test_the_list_costs_the_same_for_thirty_numbers(world: World, admin_client: Client) -> None:
    def attached() -> None:
        campaign = CampaignFactory.create()
        number = PhoneNumberFactory.create(organization=campaign.organization)
        attach_campaign(
            organization_id=campaign.organization_id, phone_number_id=number.id, campaign_id=campaign.id, actor=ACTOR
        )

    PhoneNumber.objects.all().delete()
    attached()
    one = count_queries(admin_client, page(PhoneNumber, "changelist"))
    for _ in range(29):
        attached()
    assert count_queries(admin_client, page(PhoneNumber, "changelist")) == one


def test_a_viewer_changes_nothing(world: World) -> None:
    viewer = sign_in("view_phonenumber")
    before = _row(world.phone_number)
    assert viewer.get(page(PhoneNumber, "change", world.phone_number.id)).status_code == 200
    for address in (
        page(PhoneNumber, "add"),
        page(PhoneNumber, "change", world.phone_number.id),
        page(PhoneNumber, "delete", world.phone_number.id),
    ):
        assert viewer.post(address, _form(label="Mine", post="yes")).status_code == 403
    assert _row(world.phone_number) == before
    assert PhoneNumber.objects.count() == 2


def test_a_number_moves_to_another_account_without_a_campaign_only(
    world: World, admin_client: Client, settings: Settings
) -> None:
    settings.CARRIERS = {"default": "simulated://", "other": "simulated://"}
    change = page(PhoneNumber, "change", world.phone_number.id)
    assert errors_of(admin_client.post(change, NO_HISTORY | _form(carrier="third"))) == {
        "carrier": ["There is no such account in CARRIERS."]
    }
    assert admin_client.post(change, NO_HISTORY | _form(carrier="other")).status_code == 302
    assert _row(world.phone_number)["carrier"] == "other"
    attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=world.phone_number.id,
        campaign_id=world.campaign.id,
        actor=ACTOR,
    )
    shown = admin_client.get(change).content.decode()
    assert "It changes only without a campaign: detach first." in shown
    assert 'name="carrier"' not in shown
    form = NO_HISTORY | _form(carrier="default", label="Front desk")
    assert admin_client.post(change, form).status_code == 302
    row = _row(world.phone_number)
    assert (row["carrier"], row["label"]) == ("other", "Front desk")


def test_a_new_number_has_an_account(admin_client: Client, settings: Settings) -> None:
    settings.CARRIERS = {"main": "simulated://", "other": "simulated://"}
    refused = {"carrier": ["There is no such account in CARRIERS."]}
    assert errors_of(admin_client.post(page(PhoneNumber, "add"), _form())) == refused
    assert admin_client.post(page(PhoneNumber, "add"), _form(carrier="other")).status_code == 302
    assert PhoneNumber.objects.get().carrier == "other"
