"""Telnyx's events about campaigns and brands, bare events, and what the log says of a refused one."""

import time
from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from campaigns.models import Campaign
from propagation import tasks
from propagation.models import CarrierOrder
from propagation.services import calling
from tests.support.carrier_webhooks import Post, event, news
from tests.support.fake_telnyx import BRAND, FakeTelnyx, error
from tests.support.propagation import Worker, attach
from tests.support.serving import Fault
from tests.support.worlds import World

OWN_ID = "4b300178-131c-d902-d54e-000000000000"
CAMPAIGN, BRAND_UPDATE = "10dlc.campaign.update", "10dlc.brand.update"
NEWS = {
    "a campaign, by Telnyx's own ID": news(CAMPAIGN, {"campaignId": OWN_ID, "status": "ACCEPTED", "type": "VERIFIED"}),
    "a shared campaign": news(CAMPAIGN, {"campaignId": "C000000"}),
    "bare, with a payload": news(CAMPAIGN, {"campaignId": OWN_ID})["data"],
    "bare": {"campaignId": OWN_ID, "type": "TELNYX_EVENT", "status": "DORMANT", "description": "Marked as dormant"},
    "a brand": news(BRAND_UPDATE, {"brandId": BRAND, "tcrBrandId": "BBRAND1", "type": "TCR_BRAND_UPDATE"}),
    "a brand, by Telnyx's own ID": news(BRAND_UPDATE, {"brandId": BRAND, "type": "REGISTRATION"}),
}


@pytest.fixture
def fake(settings: Settings, world: World) -> Iterator[FakeTelnyx]:
    """The carrier that jobs find in the settings, with two campaigns of one brand."""
    fake = FakeTelnyx()
    assert fake.add_campaign("C000000") == OWN_ID
    fake.add_campaign("C000001")
    settings.CARRIERS = {"default": fake.url}
    caches = (calling.carrier_of, calling.rate_limiter_of)
    for cached in caches:
        cached.cache_clear()
    # The jobs of other tests: a flush leaves the tables of procrastinate alone.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    yield fake
    calling.carrier_of("default").close()
    for cached in caches:
        cached.cache_clear()
    fake.stop()


def queued() -> list[dict[str, Any]]:
    """The arguments of the syncs that are queued."""
    jobs = ProcrastinateJob.objects.filter(task_name="sync_announced", status="todo")
    return [job.args for job in jobs]


@pytest.mark.parametrize("told", NEWS.values(), ids=NEWS)
def test_news_of_a_campaign_or_brand_starts_the_sync_of_that_campaign(
    post: Post, world: World, fake: FakeTelnyx, told: dict[str, Any]
) -> None:
    Campaign.objects.update(carrier_status="PENDING")
    for _ in range(2):
        # Telnyx repeats events; the second one finds the first one's job.
        assert post.telnyx(told).status_code == 200
    [job] = queued()
    tasks.sync_announced(**job)
    statuses = [Campaign.objects.get(id=one.id).carrier_status for one in (world.campaign, world.other_campaign)]
    assert statuses == ["APPROVED", "APPROVED" if "brandId" in str(told) else "PENDING"]


def test_news_of_our_brand_needs_no_question_which_campaigns_it_has(world: World, fake: FakeTelnyx) -> None:
    world.brand.tcr_brand_id = "BBRAND1"
    world.brand.save()
    tasks.sync_announced(campaign_id=None, brand_id="BBRAND1")
    assert {call.path.rpartition("/")[2] for call in fake.calls} == {"C000000", "C000001"}


def test_an_account_trouble_that_a_sync_meets_is_an_error_in_the_log(
    world: World, fake: FakeTelnyx, log_lines: list[MutableMapping[str, Any]]
) -> None:
    fake.faults = [Fault(None, error("20013"))]
    tasks.sync_announced(campaign_id="C000000", brand_id=None)
    [line] = [line for line in log_lines if line["log_level"] == "error"]
    assert (line["event"], line["carrier_code"]) == ("carrier.needs_operator", "20013")


def test_a_signed_number_event_may_be_bare(post: Post, world: World, fake: FakeTelnyx) -> None:
    fake.is_slow = True
    attach(world.phone_number, world.campaign)
    worker = Worker(calling.carrier_of("default"))
    worker.run()
    CarrierOrder.objects.update(next_poll_at="2100-01-01T00:00:00Z")
    payload = {"phoneNumber": world.phone_number.number, "campaignId": "x", "type": "ASSIGNMENT", "status": "ASSIGNED"}
    assert post.telnyx(payload).status_code == 200
    assert CarrierOrder.objects.get().next_poll_at.year < 2100  # type: ignore[union-attr]  # It is open.
    assert queued() == []


def test_the_log_tells_a_wrong_clock_from_a_wrong_key(
    post: Post, world: World, log_lines: list[MutableMapping[str, Any]]
) -> None:
    told = event(world.phone_number.number)
    post.telnyx(told, at=time.time() - 3600)
    post.telnyx(told, signed=b"{}")
    late, forged = (line for line in log_lines if line["event"] == "carrier.webhook_refused")
    assert "clock" in late["reason"]
    assert -3700 < late["seconds_off"] < -3500
    assert "TELNYX_PUBLIC_KEY" in forged["reason"]
    assert "clock" not in forged["reason"]
