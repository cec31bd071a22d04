"""Every list as CSV: all rows of the list, in its order, and a failure that shows."""

import csv
import io
from itertools import groupby

import psycopg
import pytest
from django.apps import apps
from django.contrib import admin
from django.db import DatabaseError, connection, models
from django.test import Client
from django.utils import timezone

from accounts.groups import VIEWER
from accounts.models import ApiKey, Operator, Organization
from agentmessage.admin.export import PAGE
from agentmessage.admin.lists import CAP
from campaigns.models import Campaign
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.factories import OrganizationFactory, PhoneNumberFactory, make_key
from tests.support.operators import browser_of, listed, member_of, page, sign_in
from tests.support.propagation import attach, detach, fail_propagation
from tests.support.worlds import World


def exported(client: Client, model: type[models.Model], query: str = "") -> list[dict[str, str]]:
    """The rows of the export, by the header."""
    response = client.get(page(model, "export") + query)
    assert response.status_code == 200, response
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(response.getvalue().decode(), newline="")))


def make_numbers(count: int) -> None:
    """Numbers in stock, by one statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO numbers_phonenumber (id, number, number_type, state, sms_enabled, mms_enabled)"
            " SELECT gen_random_uuid(), '+1919' || 3000000 + n, 'local', 'AVAILABLE', true, true"
            " FROM generate_series(1, %s) n",
            [count],
        )


def shown() -> list[type[models.Model]]:
    admin.autodiscover()
    return [model for model in apps.get_models() if admin.site.is_registered(model)]


def test_every_list_offers_its_export_to_who_may_see_it(world: World) -> None:
    fail_propagation(world.phone_number, world.campaign)
    make_key(world.organization)
    viewer = browser_of(member_of(VIEWER))
    for model in shown():
        address = page(model, "export")
        assert f'href="{address}?' in viewer.get(page(model, "changelist")).content.decode(), model
        assert len(exported(viewer, model)) == model._default_manager.count(), model
        others = [f"view_{other._meta.model_name}" for other in shown() if other is not model]
        assert sign_in(*others).get(address).status_code == 403, model


def test_it_has_what_the_list_has_and_ids(world: World, admin_client: Client) -> None:
    attach(world.phone_number, world.campaign)
    PhoneNumber.objects.filter(id=world.phone_number.id).update(label="=HYPERLINK(1)")
    number = PhoneNumber.objects.get(id=world.phone_number.id)
    (row,) = exported(admin_client, PhoneNumber, f"?q={number.id}")
    assert row == {
        "id": str(number.id),
        "number": number.number,
        "organization_id": str(world.organization.id),
        "organization": world.organization.name,
        "state": "ASSIGNED",
        "campaign_id": str(world.campaign.id),
        "campaign": world.campaign.name,
        "carrier_side": "pending",
        "label": "'=HYPERLINK(1)",
        "number_type": "local",
        "carrier": "default",
        "carrier_line_option_propagated_at": "",
        "sms_enabled": "true",
        "mms_enabled": "true",
        "inbound_url": "",
        "status_url": "",
        "created_at": number.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": number.updated_at.isoformat().replace("+00:00", "Z"),
    }


def test_a_key_is_exported_without_its_secret(world: World, admin_client: Client) -> None:
    key, plain = make_key(world.organization)
    text = admin_client.get(page(ApiKey, "export")).getvalue().decode()
    assert key.prefix in text
    assert plain not in text
    assert str(key.digest) not in text
    assert Operator.objects.get().password not in admin_client.get(page(Operator, "export")).getvalue().decode()


@pytest.mark.parametrize(
    "query", ["", "?q=0100", "?state=ASSIGNED", "?o=-3.2", "?o=5", "?o=-5", "?o=7.-1", "?has_campaign=no"]
)
def test_the_rows_and_their_order_are_the_lists(query: str, world: World, admin_client: Client) -> None:
    for place, number in enumerate(PhoneNumberFactory.create_batch(6, organization=world.organization)):
        PhoneNumber.objects.filter(id=number.id).update(label=("a", None)[place % 2])
    attach(world.phone_number, world.campaign)
    PhoneNumberFactory.create(number="+19195550100", organization=OrganizationFactory.create(name="A first one"))
    PhoneNumberFactory.create(organization=None, state="AVAILABLE")
    expected = [str(number.id) for number in listed(admin_client.get(page(PhoneNumber, "changelist") + query))]
    assert expected
    assert [row["id"] for row in exported(admin_client, PhoneNumber, query)] == expected


def test_all_pages_come_out_beyond_the_cap_of_the_list(db: None, admin_client: Client) -> None:
    count = CAP + PAGE + 1
    make_numbers(count)
    assert "10,000+" in admin_client.get(page(PhoneNumber, "changelist")).content.decode()
    rows = exported(admin_client, PhoneNumber, "?o=-1&p=3")
    assert len(rows) == count
    assert [row["number"] for row in rows] == sorted({row["number"] for row in rows}, reverse=True)


def test_nulls_of_the_order_are_neither_lost_nor_repeated(world: World, admin_client: Client) -> None:
    """Page boundaries within equal values, within NULLs, and between the two."""
    make_numbers(PAGE + 300)
    made = PhoneNumber.objects.filter(number__startswith="+19193").order_by("number").values("id")
    PhoneNumber.objects.filter(id__in=made[:PAGE]).update(organization=world.organization, state="ASSIGNED")
    PhoneNumber.objects.filter(id__in=made[: PAGE // 10]).update(label="one")
    expected = PhoneNumber.objects.count()
    for query in ("?o=2", "?o=-2", "?o=6", "?o=-6.2.-1"):
        rows = exported(admin_client, PhoneNumber, query)
        assert len(rows) == len({row["id"] for row in rows}) == expected
        key = "organization" if "6" not in query else "label"
        runs = [value for value, _rows in groupby(row[key] for row in rows)]
        assert len(runs) == len(set(runs))


def test_memory_is_a_pages(db: None, admin_client: Client) -> None:
    """The response is made while it is read: one statement for each page, when the page is wanted."""
    make_numbers(2 * PAGE)
    chunks = iter(admin_client.get(page(PhoneNumber, "export")))
    first = next(chunks)
    PhoneNumber.objects.filter(id__in=PhoneNumber.objects.order_by("-id").values("id")[: PAGE // 2]).delete()
    assert first.count(b"\r\n") == PAGE + 1
    assert b"".join(chunks).count(b"\r\n") == PAGE // 2


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_in_the_file() -> None:
    make_numbers(2 * PAGE)
    client = sign_in("view_phonenumber")
    chunks = iter(client.get(page(PhoneNumber, "export")))
    next(chunks)
    own = connection.connection.info
    with psycopg.connect(
        host=own.host, port=own.port, user=own.user, password=own.password, dbname=own.dbname
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [own.backend_pid])
    last = next(chunks).decode()
    assert last == f'"INCOMPLETE: the export failed after {PAGE} rows. Repeat it.\r\n'
    with pytest.raises(DatabaseError):
        next(chunks)
    with pytest.raises(csv.Error):
        list(csv.reader(io.StringIO(last, newline=""), strict=True))


def test_the_history_of_one_number(world: World, admin_client: Client) -> None:
    attach(world.phone_number, world.campaign)
    detach(world.phone_number)
    attach(world.stranger.phone_number, world.stranger.campaign)
    number_page = admin_client.get(page(PhoneNumber, "change", world.phone_number.id))
    address = number_page.context["history_csv"]
    assert address in number_page.content.decode()
    rows = exported(admin_client, CampaignAttachment, address.removeprefix(page(CampaignAttachment, "export")))
    entries = CampaignAttachment.objects.filter(phone_number=world.phone_number).order_by("-id")
    assert [row["id"] for row in rows] == [str(entry.id) for entry in entries]
    assert [(row["from"], row["to"], row["campaign_id"]) for row in rows] == [
        (world.campaign.name, "", ""), ("", world.campaign.name, str(world.campaign.id)),
    ]  # fmt: skip
    assert {row["phone_number"] for row in rows} == {world.phone_number.number}
    assert {row["by"] for row in rows} == {"command test"}


def test_a_query_that_the_list_refuses(admin_client: Client) -> None:
    address = page(PhoneNumber, "export")
    assert admin_client.get(f"{address}?id__exact=nonsense")["Location"].startswith(page(PhoneNumber, "changelist"))
    assert admin_client.get(f"{address}?campaign__brand__organization__slug=x").status_code == 400


def test_the_file_says_what_and_when(admin_client: Client) -> None:
    before = timezone.now()
    disposition = admin_client.get(page(Campaign, "export"))["Content-Disposition"]
    assert disposition.startswith(f'attachment; filename="campaigns-{before:%Y-%m-%dT%H}')
    assert disposition.endswith('Z.csv"')
    assert "organizations-" in admin_client.get(page(Organization, "export"))["Content-Disposition"]
