"""Campaigns whose last day is over."""

from collections.abc import MutableMapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db.models.functions import Now, TruncDate

from campaigns.models import Campaign, CampaignStatus
from campaigns.services import expire_campaigns
from propagation import tasks
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import CampaignFactory
from tests.support.worlds import World


@pytest.fixture
def today(transactional_db: None) -> date:
    """The day in UTC, by the database's clock."""
    CampaignFactory.create(status="REJECTED", expiration_date=date(2020, 1, 1))
    day: date = Campaign.objects.values_list(TruncDate(Now(), tzinfo=UTC), flat=True)[0]
    return day


def _status(campaign: Campaign) -> str:
    campaign.refresh_from_db()
    return campaign.status


@pytest.mark.parametrize(("days", "expected"), [(-400, "EXPIRED"), (-1, "EXPIRED"), (0, "ACTIVE"), (1, "ACTIVE")])
def test_a_campaign_expires_after_its_expiration_date(today: date, days: int, expected: str) -> None:
    campaign = CampaignFactory.create(expiration_date=today + timedelta(days=days))
    unlimited = CampaignFactory.create(expiration_date=None)
    tasks.expire_due_campaigns(timestamp=0)
    assert (_status(campaign), _status(unlimited)) == (expected, "ACTIVE")


@pytest.mark.parametrize("status", ["PENDING", "REJECTED", "EXPIRED"])
def test_only_an_active_campaign_expires(today: date, status: str) -> None:
    campaign = CampaignFactory.create(status=status, expiration_date=today - timedelta(days=1))
    before = campaign.updated_at
    assert expire_campaigns() == 0
    assert (_status(campaign), campaign.updated_at) == (status, before)


@pytest.mark.parametrize("days", [-2, 2])
def test_the_databases_clock_says_which_day_it_is(today: date, days: int) -> None:
    over = CampaignFactory.create(expiration_date=today - timedelta(days=1))
    running = CampaignFactory.create(expiration_date=today)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=days), tick=True):
        assert expire_campaigns() == 1
    assert (_status(over), _status(running)) == ("EXPIRED", "ACTIVE")


def test_each_is_logged_once(today: date, log_lines: list[MutableMapping[str, Any]]) -> None:
    missed = [CampaignFactory.create(expiration_date=today - timedelta(days=day)) for day in (1, 5, 40)]
    assert [expire_campaigns(), expire_campaigns()] == [3, 0]
    logged = [line["campaign_id"] for line in log_lines if line["event"] == "campaign.expired"]
    assert sorted(logged) == sorted(str(campaign.id) for campaign in missed)


def test_a_campaign_that_is_renewed_takes_numbers_again(today: date, world: World, api: ApiClient) -> None:
    Campaign.objects.filter(id=world.campaign.id).update(expiration_date=today - timedelta(days=1))
    assert api.attach(world.phone_number.id, world.campaign.id).status_code == 200, "Rule 3 reads `status` only."
    Campaign.objects.filter(id=world.other_campaign.id).update(expiration_date=today - timedelta(days=1))
    expire_campaigns()
    refused = api.attach(world.phone_number.id, world.other_campaign.id)
    assert_refused(refused, 409, "CAMPAIGN_NOT_ACTIVE", "campaign is not active")
    Campaign.objects.filter(id=world.other_campaign.id).update(
        status=CampaignStatus.ACTIVE, expiration_date=today + timedelta(days=90)
    )
    assert expire_campaigns() == 0
    assert api.attach(world.phone_number.id, world.other_campaign.id).status_code == 200
