"""A campaign that an operator has suspended stays so, whatever the carrier, its news or an inventory say."""

from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts.models import Operator, Scope
from campaigns.models import Campaign
from campaigns.services import end_suspensions
from carriers.simulated.server import SimulatorServer
from propagation import tasks
from tests.support.api import ApiClient
from tests.support.factories import OperatorFactory, make_key
from tests.support.inventories import load
from tests.support.operators import browser_of, errors_of, listed, page
from tests.support.propagation import Worker, attach, detach, entries, line_option_status, statuses
from tests.support.worlds import World


@pytest.fixture
def operator(world: World) -> Operator:
    operator: Operator = OperatorFactory.create(username="ada")
    return operator


@pytest.fixture
def browser(operator: Operator) -> Client:
    return browser_of(operator)


def _post(browser: Client, campaign: Campaign, **fields: Any) -> Any:
    """Save the page of a campaign with these fields changed."""
    address = page(Campaign, "change", campaign.id)
    form = browser.get(address).context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    until = data.pop("suspended_until")
    if until is not None:
        data |= {"suspended_until_0": f"{until:%Y-%m-%d}", "suspended_until_1": f"{until:%H:%M:%S}"}
    return browser.post(address, {name: "" if value is None else value for name, value in (data | fields).items()})


def _suspend(browser: Client, campaign: Campaign, **fields: Any) -> None:
    assert _post(browser, campaign, suspension_reason="TCR has called", **fields).status_code == 302


def _document(world: World, **fields: Any) -> dict[str, Any]:
    campaign = {"id": str(world.campaign.id), "brand_id": str(world.brand.id), "name": "x", "usecase": "MIXED"}
    organization = world.organization
    return {
        "organizations": [
            {
                "id": str(organization.id),
                "name": organization.name,
                "slug": organization.slug,
                "campaigns": [campaign | {"status": "ACTIVE"} | fields],
            }
        ]
    }


def test_a_suspension_outlasts_sync_and_inventory(
    world: World, worker: Worker, chosen: SimulatorServer, browser: Client
) -> None:
    _suspend(browser, world.campaign)
    tasks.sync_approvals(timestamp=0)
    load(_document(world, carrier_status="APPROVED"))
    tasks.tidy_up(timestamp=0)
    attach(world.phone_number, world.campaign)
    worker.run()
    assert statuses(world.phone_number) == ["failed"]
    [entry] = entries(world.phone_number)
    assert entry["failure_code"] == "CAMPAIGN_SUSPENDED"
    assert chosen.store.numbers() == {}
    campaign = Campaign.objects.get(id=world.campaign.id)
    assert campaign.effective_carrier_status == "SUSPENDED"
    assert (campaign.suspended_by, campaign.suspension_reason) == ("ada", "TCR has called")

    # Another tenant, another campaign and a detach are not affected.
    attach(world.stranger.phone_number, world.stranger.campaign)
    worker.run()
    assert line_option_status(world.stranger.phone_number) == "propagated"

    assert _post(browser, world.campaign, suspension_reason="").status_code == 302
    worker.run()
    assert statuses(world.phone_number) == ["propagated"]
    log = LogEntry.objects.filter(object_id=str(world.campaign.id)).order_by("id")
    said = [entry.get_change_message() for entry in log]
    assert said == [
        "Suspended until further notice: TCR has called",
        "Changed Suspension reason.",
        "Lifted the suspension.",
        "Changed Suspension reason.",
    ]
    assert set(log.values_list("user__username", flat=True)) == {"ada"}


def test_a_number_leaves_a_suspended_campaign(
    world: World, worker: Worker, simulator: SimulatorServer, browser: Client
) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    _suspend(browser, world.campaign)
    detach(world.phone_number)
    worker.run()
    assert statuses(world.phone_number) == ["propagated", "propagated"]
    assert simulator.store.numbers() == {}


@pytest.mark.parametrize("decided", ["APPROVED", "SUSPENDED", "REJECTED"])
def test_what_the_carrier_decides_meanwhile_holds_afterwards(
    world: World, worker: Worker, chosen: SimulatorServer, browser: Client, decided: str
) -> None:
    Campaign.objects.filter(id=world.campaign.id).update(carrier_status="PENDING")
    attach(world.phone_number, world.campaign)
    worker.run()
    _suspend(browser, world.campaign)
    assert world.campaign.tcr_campaign_id is not None
    chosen.store.put_campaign(world.campaign.tcr_campaign_id, decided)
    tasks.sync_approvals(timestamp=0)
    worker.run()
    assert entries(world.phone_number)[0]["failure_code"] == "CAMPAIGN_SUSPENDED"
    assert _post(browser, world.campaign, suspension_reason="").status_code == 302
    campaign = Campaign.objects.get(id=world.campaign.id)
    assert campaign.effective_carrier_status == campaign.carrier_status == decided
    worker.run()
    assert line_option_status(world.phone_number) == ("propagated" if decided == "APPROVED" else "failed")


def test_a_suspension_ends_by_the_databases_clock(
    world: World, worker: Worker, browser: Client, log_lines: list[MutableMapping[str, Any]]
) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    ends = {"suspended_until_0": f"{tomorrow:%Y-%m-%d}", "suspended_until_1": f"{tomorrow:%H:%M:%S}"}
    _suspend(browser, world.campaign, **ends)
    _suspend(browser, world.other_campaign)
    attach(world.phone_number, world.campaign)
    worker.run()
    assert end_suspensions() == 0
    Campaign.objects.filter(id=world.campaign.id).update(suspended_until=Now())
    tasks.tidy_up(timestamp=0)
    assert end_suspensions() == 0
    worker.run()
    assert statuses(world.phone_number) == ["propagated"]
    campaign = Campaign.objects.get(id=world.campaign.id)
    assert (campaign.suspension_reason, campaign.suspended_by, campaign.suspended_at) == ("", "", None)
    assert Campaign.objects.get(id=world.other_campaign.id).suspension_reason
    told = [line["campaign_id"] for line in log_lines if line["event"] == "campaign.suspension_ended"]
    assert told == [str(campaign.id)]


def test_a_suspended_status_takes_a_reason(world: World, browser: Client, chosen: SimulatorServer) -> None:
    refused = {"suspension_reason": ["Say why: without a reason, the next sync undoes it."]}
    assert errors_of(_post(browser, world.campaign, carrier_status="SUSPENDED")) == refused
    _suspend(browser, world.campaign, carrier_status="SUSPENDED")
    tasks.sync_approvals(timestamp=0)
    campaign = Campaign.objects.get(id=world.campaign.id)
    assert (campaign.effective_carrier_status, campaign.carrier_status) == ("SUSPENDED", "APPROVED")
    assert listed(browser.get(page(Campaign, "changelist"), {"suspended_at__isempty": "0"})) == [campaign]


def test_an_end_lies_in_the_future_and_belongs_to_a_reason(world: World, browser: Client) -> None:
    def until(year: int) -> dict[str, str]:
        return {"suspended_until_0": f"{year}-01-01", "suspended_until_1": "00:00:00"}

    assert errors_of(_post(browser, world.campaign, suspension_reason="x", **until(2020))) == {
        "suspended_until": ["The end must lie in the future."]
    }
    assert errors_of(_post(browser, world.campaign, **until(2099))) == {
        "suspension_reason": ["A suspension that ends has a reason."]
    }
    _suspend(browser, world.campaign, **until(2099))
    assert _post(browser, world.campaign, suspension_reason="").status_code == 302
    assert Campaign.objects.get(id=world.campaign.id).suspended_until is None


def test_the_api_shows_that_a_campaign_is_suspended(world: World, browser: Client) -> None:
    _suspend(browser, world.campaign)
    _key, plain = make_key(world.organization, Scope.CAMPAIGNS_READ)
    shown = ApiClient(plain).get(f"/v1/campaigns/{world.campaign.id}").json()["data"]
    assert shown["carrier_status"] == "SUSPENDED"
    assert not any("suspen" in key for key in shown)
