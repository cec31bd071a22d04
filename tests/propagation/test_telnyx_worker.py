"""A worker and Telnyx: refusals that need an operator, outages that resemble refusals, and campaigns by either ID."""

from collections.abc import Iterator, MutableMapping
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from campaigns.models import Campaign
from carriers.base import Carrier
from carriers.choose import build_carrier
from phone_numbers.failures import FAILURES, FailureCode
from propagation.services import reading
from propagation.services.stats import current_stats
from propagation.services.sync import Decision, sync_campaigns
from tests.support.fake_bandwidth import FakeBandwidth
from tests.support.fake_telnyx import KEY, FakeTelnyx, error
from tests.support.propagation import Worker, attach, entries, line_option_status, statuses
from tests.support.serving import FakeCarrier, Fault, Reply, foreign
from tests.support.worlds import World


@pytest.fixture
def fake(world: World) -> Iterator[FakeTelnyx]:
    """The carrier, with the tenant's two campaigns."""
    fake = FakeTelnyx()
    for campaign in (world.campaign, world.other_campaign):
        fake.add_campaign(campaign.tcr_campaign_id or "")
    yield fake
    fake.stop()


@pytest.fixture
def worker(fake: FakeTelnyx, settings: Settings) -> Iterator[Worker]:
    """One that talks to Telnyx."""
    settings.PROPAGATION_SETTLE_SECONDS = 0
    carrier = build_carrier(fake.url, pace=lambda: None)
    yield Worker(carrier)
    carrier.close()


@pytest.mark.parametrize(
    ("reply", "code", "carrier_code"),
    [
        (error("20012", detail=f"{KEY}:\x1b[31m the account is\ninactive" + "x" * 9999), "NOT_CONFIGURED", "20012"),
        (error("20100", status=402), "NOT_CONFIGURED", "20100"),
        (error("10009"), "NOT_CONFIGURED", "10009"),
        (error("77777", detail=f"{KEY}: something\x07 new" + "x" * 9999), "UNKNOWN_CARRIER_ANSWER", "77777"),
    ],
)
def test_what_an_operator_must_see_is_an_error_in_the_log_and_a_metric(
    world: World,
    worker: Worker,
    fake: FakeTelnyx,
    log_lines: list[MutableMapping[str, Any]],
    reply: Reply,
    code: str,
    carrier_code: str,
) -> None:
    fake.faults = [Fault("POST", reply, times=2)]
    attach(world.phone_number, world.campaign)
    worker.run()
    assert line_option_status(world.phone_number) == "failed"
    [entry] = entries(world.phone_number)
    assert (entry["failure_code"], entry["failure_carrier_code"]) == (code, carrier_code)
    [line] = [line for line in log_lines if line["log_level"] == "error"]
    assert (line["event"], line["failure"], line["carrier_code"]) == ("carrier.needs_operator", code, carrier_code)
    assert len(line["message"]) <= 500
    assert line["message"].isprintable()
    assert KEY not in str(log_lines)
    assert current_stats().failures == {code: 1}
    assert FAILURES[FailureCode(code)].resolution_while_retried is None


def test_a_rejection_is_the_tenants_to_correct(
    world: World, worker: Worker, fake: FakeTelnyx, log_lines: list[MutableMapping[str, Any]]
) -> None:
    fake.faults = [Fault("POST", error("10016"), times=2)]
    attach(world.phone_number, world.campaign)
    worker.run()
    assert entries(world.phone_number)[0]["failure_code"] == "REJECTED"
    assert not [line for line in log_lines if line["log_level"] == "error"]


@pytest.mark.parametrize("status", [200, 403, 404])
def test_a_load_balancers_page_is_an_outage_and_is_retried(
    world: World, worker: Worker, fake: FakeTelnyx, status: int
) -> None:
    fake.faults = [Fault(None, foreign(status, b"<html>no such page</html>"), times=3)]
    attach(world.phone_number, world.campaign)
    worker.run()
    assert statuses(world.phone_number) == ["submitted"]
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"


def test_a_temporary_code_is_retried(world: World, worker: Worker, fake: FakeTelnyx) -> None:
    fake.faults = [Fault("POST", error("10036"))]
    attach(world.phone_number, world.campaign)
    worker.run()
    assert entries(world.phone_number)[0]["failure_code"] == "CARRIER_UNAVAILABLE"
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"


def _decided(carrier: Carrier) -> dict[UUID, str | None]:
    decisions: list[Decision] = []
    sync_campaigns(carrier=carrier, on_decision=decisions.append)
    return {decision.campaign_id: decision.status for decision in decisions}


def test_the_first_number_of_a_campaign_that_goes_by_telnyxs_own_id(
    world: World, worker: Worker, fake: FakeTelnyx
) -> None:
    """From the approval to the number: no number on it has told the ID, but its brand does."""
    world.brand.tcr_brand_id = "BBRAND1"
    world.brand.save()
    fake.takes_tcr_ids = False
    Campaign.objects.update(carrier_status="PENDING")
    decided = _decided(worker.carrier)
    assert decided[world.campaign.id] == "APPROVED"
    attach(world.phone_number, world.campaign)
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"
    assert fake.assigned() == {world.phone_number.number: world.campaign.tcr_campaign_id}


def test_a_record_without_a_status_is_waited_for(world: World, worker: Worker, fake: FakeTelnyx) -> None:
    fake.tells_status = False
    attach(world.phone_number, world.campaign)
    worker.run()
    assert statuses(world.phone_number) == ["submitted"]
    fake.tells_status = True
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"


PAUSED = Reply(429, headers={"Retry-After": "7"})


@pytest.mark.parametrize("name", ["telnyx", "bandwidth"])
def test_a_sync_waits_as_long_as_the_carrier_asks_and_survives_cut_answers(
    world: World, fake: FakeTelnyx, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(reading, "sleep", slept.append)
    Campaign.objects.update(carrier_status="PENDING")
    bandwidth = FakeBandwidth("2")
    bandwidth.registered = {
        world.campaign.tcr_campaign_id or "": "ACTIVE",
        world.other_campaign.tcr_campaign_id or "": "EXPIRED",
    }
    asked: FakeCarrier = fake if name == "telnyx" else bandwidth
    asked.faults = [Fault("GET", PAUSED), Fault("GET", acts=True)]
    carrier = build_carrier(asked.url, pace=lambda: None)
    decided = _decided(carrier)
    carrier.close()
    bandwidth.stop()
    assert slept == [7.0, 2.0]
    assert decided[world.campaign.id] == "APPROVED"
    assert decided[world.other_campaign.id] == ("APPROVED" if name == "telnyx" else "SUSPENDED")
    assert decided[world.stranger.campaign.id] is None
