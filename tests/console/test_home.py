"""The home page: each count is the number of rows on the list behind it, and shows only what the operator may see."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.groups import OPERATOR, VIEWER
from agentmessage.admin.lists import CAP
from brands.models import IdentityStatus
from campaigns.models import Campaign, CampaignStatus
from phone_numbers.failures import FailureCode
from phone_numbers.models import AttachmentStatus, CampaignAttachment, PhoneNumber
from propagation.models import CarrierOrder, CarrierReading
from tests.support.factories import BrandFactory, CampaignFactory, PhoneNumberFactory
from tests.support.operators import browser_of, member_of, sign_in
from tests.support.propagation import attach, detach, fail_propagation
from tests.support.worlds import World

HOME = reverse("admin:index")
# A link whose text is a count, or which holds one.
COUNTED = re.compile(r'<a href="([^"]+\?[^"]+)"[^>]*>(?:(?!</a>).)*data-count>([0-9,+]+)<', re.DOTALL)


def counts(client: Client) -> dict[str, str]:
    """The counts of the home page by the address that each leads to."""
    response = client.get(HOME)
    assert response.status_code == 200
    content = re.sub(r'<a class="[^"]*" href=', "<a href=", response.content.decode())
    return {unescape(url): count for url, count in COUNTED.findall(content)}


def count_of(client: Client, parameter: str) -> str:
    (found,) = [count for url, count in counts(client).items() if url.endswith(f"?{parameter}")]
    return found


def order(world: World, **fields: object) -> CarrierOrder:
    given = {
        "organization": world.organization, "campaign": world.campaign, "carrier": "simulated", "action": "attach",
        "created_at": timezone.now(), "next_poll_at": timezone.now(), **fields,
    }  # fmt: skip
    return CarrierOrder.objects.create(**given)


def ended(world: World, at: datetime, *, succeeded: int = 0, failed: int = 0) -> CarrierOrder:
    return order(world, created_at=at, ended_at=at, next_poll_at=None, succeeded=succeeded, failed=failed)


def departure(campaign: Campaign, *, days: int) -> None:
    """A number that left the campaign so many days ago."""
    number = PhoneNumberFactory.create(organization=campaign.organization)
    CampaignAttachment.objects.create(
        organization=campaign.organization, phone_number=number, previous_campaign=campaign, actor_kind="command",
        actor_id="test", created_at=timezone.now() - timedelta(days=days), status=AttachmentStatus.PROPAGATED,
    )  # fmt: skip


def age(campaign: Campaign, *, days: int) -> Campaign:
    Campaign.objects.filter(id=campaign.id).update(created_at=timezone.now() - timedelta(days=days))
    return campaign


@pytest.fixture
def busy(world: World) -> World:
    """A world in which every stat of the home page counts something."""
    brand = world.brand
    for code, count in ((FailureCode.REJECTED, 3), (FailureCode.NOT_CONFIGURED, 2)):
        for _ in range(count):
            number = PhoneNumberFactory.create(organization=world.organization)
            fail_propagation(number, world.campaign, code)
    attach(world.phone_number, world.campaign)
    for number in PhoneNumberFactory.create_batch(2, organization=world.organization):
        attach(number, world.campaign)
        PhoneNumber.objects.filter(id=number.id).update(carrier_line_option_status="propagated")
    detach(number)
    expired = CampaignFactory.create(brand=brand)
    attach(PhoneNumberFactory.create(organization=world.organization), expired)
    Campaign.objects.filter(id=expired.id).update(status=CampaignStatus.EXPIRED)
    today = datetime.now(UTC).date()
    for days in (-1, 0, 30, 31):
        CampaignFactory.create(brand=brand, expiration_date=today + timedelta(days))
    for days in (9, 11, 26, 46):
        age(CampaignFactory.create(brand=brand), days=days)
        departure(age(CampaignFactory.create(brand=brand), days=100), days=days)
    # Old and without numbers, but not ACTIVE.
    age(CampaignFactory.create(brand=brand, status="REJECTED"), days=50)
    for status in (None, IdentityStatus.UNVERIFIED, IdentityStatus.SELF_DECLARED, IdentityStatus.VETTED_VERIFIED):
        BrandFactory.create(organization=world.organization, identity_status=status)
    now = timezone.now()
    order(world, created_at=now - timedelta(minutes=50))
    order(world, created_at=now - timedelta(minutes=70))
    order(world, created_at=now - timedelta(days=2))
    ended(world, now, succeeded=7, failed=1)
    ended(world, now - timedelta(hours=22, minutes=30), succeeded=2)
    ended(world, now - timedelta(hours=25), succeeded=99)
    return world


def test_each_count_is_that_of_the_list_behind_it(busy: World, admin_client: Client) -> None:
    found = counts(admin_client)
    assert {url.rpartition("?")[2]: count for url, count in found.items() if "ended_at" not in url} == {
        "carrier_side=propagated": "1",
        "carrier_side=pending": "2",
        "carrier_side=removing": "1",
        "carrier_side=failed": "5",
        "carrier_side=none": "5",
        "attention=expires": "2",
        "attention=not_active": "1",
        "attention=unused_10": "6",
        "attention=unused_25": "4",
        "attention=unused_45": "2",
        "verified=no": "3",
        "failure=REJECTED": "3",
        "failure=NOT_CONFIGURED": "2",
        "progress=slow": "2",
    }
    assert len(found) == 15
    for url, count in found.items():
        listed = admin_client.get(url).context["cl"]
        assert (len(listed.result_list), str(listed.result_count)) == (int(count), count), url


def test_the_page_shows_the_chart_the_oldest_and_the_health(busy: World, admin_client: Client) -> None:
    CampaignAttachment.objects.filter(phone_number=busy.phone_number).update(
        resumed_at=timezone.now() - timedelta(hours=3, minutes=1)
    )
    reading = CarrierReading.objects.create(
        carrier="simulated", subject="numbers", ended_at=timezone.now(), compared=1000, drifted=30, left=30
    )
    context = admin_client.get(HOME).context
    assert (context["chart"]["confirmed"], context["chart"]["failed"]) == (9, 1)
    health = {row["label"]: row for row in context["health"]}
    assert busy.phone_number.number in health["Oldest pending"]["value"]
    assert "3 h ago" in health["Oldest pending"]["value"]
    assert str(busy.phone_number.id) in health["Oldest pending"]["url"]
    assert ": 30 differed, 30 left" in health["Last reconciliation of numbers, simulated"]["value"]
    assert str(reading.id) in health["Last reconciliation of numbers, simulated"]["url"]
    assert health["Workers"]["alarm"]
    assert re.search(r">\d+ (s|min) ago<", health["Last success at the carrier"]["value"])
    for row in context["health"]:
        if "url" in row:
            assert admin_client.get(row["url"]).status_code == 200


def test_the_page_takes_less_than_twelve_statements(busy: World) -> None:
    viewer = browser_of(member_of(VIEWER))
    viewer.get(HOME)
    with CaptureQueriesContext(connection) as queries:
        assert viewer.get(HOME).status_code == 200
    assert len(queries) < 12, [query["sql"][:100] for query in queries]


def test_an_empty_database_says_so(admin_client: Client) -> None:
    content = admin_client.get(HOME).content.decode()
    assert "No order has ended" in content
    assert "No number has failed" in content
    assert "nothing is on its way" in content
    assert "manage.py run_worker" in content


def test_large_counts_end_at_a_cap(world: World, admin_client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO numbers_phonenumber (id, number, number_type, state, sms_enabled, mms_enabled)"
            " SELECT gen_random_uuid(), '+1' || 2120000000 + i, 'local', 'AVAILABLE', true, true"
            " FROM generate_series(1, %s) i",
            [CAP],
        )
    assert count_of(admin_client, "carrier_side=none") == "10,000+"
    response = admin_client.get(reverse("admin:numbers_phonenumber_changelist"), {"carrier_side": "none"})
    assert "10,000+ phone numbers" in re.sub(r"\s+", " ", response.content.decode())
    assert response.context["cl"].paginator.num_pages == CAP / response.context["cl"].list_per_page
    assert "The pages end after 10,000 phone numbers. Search, filter or export" in response.content.decode()
    last = admin_client.get(reverse("admin:numbers_phonenumber_changelist"), {"p": "100"})
    assert len(last.context["cl"].result_list) == 100
    assert admin_client.get(reverse("admin:numbers_phonenumber_changelist"), {"p": "101"}).status_code == 302
    with CaptureQueriesContext(connection) as queries:
        admin_client.get(reverse("admin:numbers_phonenumber_changelist"))
    counted = [query["sql"] for query in queries if "COUNT(" in query["sql"] and "numbers_phonenumber" in query["sql"]]
    assert counted
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE numbers_phonenumber")
        rows = next(query["sql"] for query in queries if "LIMIT 100" in query["sql"] and "COUNT(" not in query["sql"])
        cursor.execute(f"EXPLAIN {rows}")
        assert "Sort" not in "".join(line for (line,) in cursor.fetchall())
    assert all(f"LIMIT {CAP + 1}" in sql for sql in counted)


@pytest.mark.parametrize(
    ("permission", "shown"),
    [
        ("view_phonenumber", "Numbers by carrier status"),
        ("view_campaign", "Campaigns and brands"),
        ("view_carrierorder", "Propagation in the last 24 hours"),
        ("view_carrierreading", "Last reconciliation of numbers"),
    ],
)
def test_operators_see_what_they_may(permission: str, shown: str, busy: World) -> None:
    CarrierReading.objects.create(carrier="simulated", subject="numbers", ended_at=timezone.now())
    everything = {
        "Numbers by carrier status", "Campaigns and brands", "Propagation in the last 24 hours",
        "Last reconciliation of numbers",
    }  # fmt: skip
    content = sign_in(permission).get(HOME).content.decode()
    assert {words for words in everything if words in content} == {shown}
    nothing = sign_in().get(HOME).content.decode()
    assert "You have no permission" in nothing
    assert not [words for words in everything if words in nothing]


@pytest.mark.parametrize("group", [VIEWER, OPERATOR])
def test_groups_see_the_home_page_and_strangers_do_not(group: str, busy: World) -> None:
    assert count_of(browser_of(member_of(group)), "carrier_side=failed") == "5"
    assert Client().get(HOME).status_code == 302


def test_a_campaign_that_a_number_has_just_left_was_used_until_now(world: World, admin_client: Client) -> None:
    age(world.campaign, days=60)
    age(world.other_campaign, days=60)
    assert count_of(admin_client, "attention=unused_45") == "2"
    attach(world.phone_number, world.campaign)
    assert count_of(admin_client, "attention=unused_45") == "1"
    detach(world.phone_number)
    assert count_of(admin_client, "attention=unused_10") == "1"
