"""The carrier's decisions on campaigns: what is recorded, what is too much, and what one bad answer costs."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db.models import F
from django.db.models.functions import Now

from campaigns.models import Campaign, CarrierStatus
from carriers.base import Carrier
from carriers.choose import build_carrier
from carriers.simulated.server import SimulatorServer
from propagation.models import CarrierReading
from propagation.services import reading
from propagation.services.reading import TooManyErrors
from propagation.services.sync import Decision, SyncReport, sync_announcement, sync_campaigns
from tests.propagation.conftest import tcr_id
from tests.support.factories import BrandFactory, CampaignFactory
from tests.support.fake_telnyx import FakeTelnyx, error
from tests.support.propagation import Meanwhile, Worker, attach, line_option_status
from tests.support.serving import Call, Fault, foreign
from tests.support.worlds import World


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "sleep", lambda _seconds: None)


@pytest.fixture
def telnyx() -> Iterator[FakeTelnyx]:
    fake = FakeTelnyx()
    yield fake
    fake.stop()


@pytest.fixture
def telnyx_carrier(telnyx: FakeTelnyx) -> Iterator[Carrier]:
    carrier = build_carrier(telnyx.url, pace=lambda: None)
    yield carrier
    carrier.close()


def _sync(carrier: Carrier, **options: object) -> tuple[SyncReport, list[Decision]]:
    decisions: list[Decision] = []
    report = sync_campaigns(carrier=carrier, on_decision=decisions.append, **options)  # type: ignore[arg-type]
    assert report is not None
    return report, decisions


def _campaigns(world: World, count: int, status: str, *, of_many: bool = False) -> list[Campaign]:
    """Campaigns of one organization, or each of another one, in the order of their IDs."""
    Campaign.objects.update(tcr_campaign_id=None)
    campaigns = [
        CampaignFactory.create(
            brand=BrandFactory.create() if of_many else world.brand,
            tcr_campaign_id=tcr_id(100 + index),
            carrier_status=status,
        )
        for index in range(count)
    ]
    return sorted(campaigns, key=lambda campaign: campaign.id)


def _statuses() -> set[str]:
    return set(Campaign.objects.filter(tcr_campaign_id__isnull=False).values_list("carrier_status", flat=True))


def test_it_records_what_the_carrier_has_decided(world: World, worker: Worker, chosen: SimulatorServer) -> None:
    world.campaign.carrier_status = CarrierStatus.PENDING
    world.campaign.save()
    attach(world.phone_number, world.campaign)
    chosen.store.put_campaign(str(world.other_campaign.tcr_campaign_id), "SUSPENDED")
    said = StringIO()
    call_command("sync_campaigns", "--dry-run", stdout=said)
    assert "3 campaigns checked, 2 changed" in said.getvalue()
    world.campaign.refresh_from_db()
    assert world.campaign.carrier_status == CarrierStatus.PENDING
    said = StringIO()
    call_command("sync_campaigns", "--json", stdout=said)
    assert json.loads(said.getvalue())["changed"] == 2
    world.campaign.refresh_from_db()
    world.other_campaign.refresh_from_db()
    assert (world.campaign.carrier_status, world.other_campaign.carrier_status) == ("APPROVED", "SUSPENDED")
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"


@pytest.mark.parametrize("now", ["SUSPENDED", "REJECTED", "PENDING"])
@pytest.mark.parametrize("of_many", [False, True], ids=["one tenant", "many small tenants"])
def test_a_carrier_that_reverses_all_decisions_changes_none(
    world: World, carrier: Carrier, simulator: SimulatorServer, now: str, of_many: bool
) -> None:
    for campaign in _campaigns(world, 11, "APPROVED", of_many=of_many):
        simulator.store.put_campaign(str(campaign.tcr_campaign_id), now)
    report, decisions = _sync(carrier)
    assert _statuses() == {"APPROVED"}
    assert {decision.reason for decision in decisions} == {"too many differ; see --force"}
    assert (report.changed, report.left, CarrierReading.objects.get().left) == (11, 11, 11)
    _sync(carrier, force=True)
    assert _statuses() == {now}
    assert CarrierReading.objects.first().left == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("before", ["PENDING", "SUSPENDED", "REJECTED"])
def test_first_approvals_are_news_and_others_are_drift(
    world: World, carrier: Carrier, simulator: SimulatorServer, before: str
) -> None:
    _campaigns(world, 20, before)
    report, _decisions = _sync(carrier)
    assert (report.changed, report.left) == (20, 0 if before == "PENDING" else 20)
    assert _statuses() == {"APPROVED" if before == "PENDING" else before}


@pytest.mark.parametrize(("count", "is_stopped"), [(3, False), (4, True)])
def test_the_limit_of_one_organization(
    world: World, carrier: Carrier, simulator: SimulatorServer, count: int, is_stopped: bool
) -> None:
    for campaign in _campaigns(world, 60, "APPROVED")[:count]:
        simulator.store.put_campaign(str(campaign.tcr_campaign_id), "SUSPENDED")
    report, _decisions = _sync(carrier)
    assert report.left == (4 if is_stopped else 0)


def test_what_is_decided_here_meanwhile_counts(world: World, carrier: Carrier) -> None:
    [campaign] = _campaigns(world, 1, "SUSPENDED")

    def decide() -> None:
        Campaign.objects.filter(id=campaign.id).update(carrier_status=CarrierStatus.REJECTED, updated_at=Now())

    report, decisions = _sync(Meanwhile(carrier, decide))
    assert (report.changed, decisions) == (0, [])
    assert _statuses() == {"REJECTED"}


@pytest.mark.parametrize("answer", ["unreadable", "refused", "lost"])
def test_one_bad_answer_costs_one_campaign(
    world: World, telnyx: FakeTelnyx, telnyx_carrier: Carrier, answer: str
) -> None:
    campaigns = _campaigns(world, 5, "PENDING")
    for campaign in campaigns:
        telnyx.add_campaign(str(campaign.tcr_campaign_id))
    bad = str(campaigns[0].tcr_campaign_id)
    faults = {
        "unreadable": Fault(reply=foreign(200, b"<html>")),
        "refused": Fault(reply=error("10016")),
        "lost": Fault(),
    }

    def fail(call: Call) -> None:
        if bad in call.path:
            telnyx.faults = [Fault(reply=faults[answer].reply)]

    telnyx.on_call = fail
    report, _decisions = _sync(telnyx_carrier)
    assert (report.changed, report.unreadable) == (4, 1)
    assert list(Campaign.objects.filter(carrier_status="APPROVED", id__in=[one.id for one in campaigns])) == [
        campaign for campaign in Campaign.objects.all() if campaign.id in {one.id for one in campaigns[1:]}
    ]


def test_ten_errors_in_a_row_stop_it_and_the_next_run_continues(
    world: World, telnyx: FakeTelnyx, telnyx_carrier: Carrier
) -> None:
    campaigns = _campaigns(world, 25, "PENDING")
    for campaign in campaigns:
        telnyx.add_campaign(str(campaign.tcr_campaign_id))
    outage = {str(campaign.tcr_campaign_id) for campaign in campaigns[4:]}

    def fail(call: Call) -> None:
        if call.path.rpartition("/")[2] in outage:
            telnyx.faults = [Fault(reply=error("10007", status=500))]

    telnyx.on_call = fail
    with pytest.raises(TooManyErrors):
        _sync(telnyx_carrier)
    assert _statuses() == {"PENDING"}, "Nothing is written before all of it was counted."
    outage.clear()
    telnyx.calls.clear()
    report, _decisions = _sync(telnyx_carrier)
    assert (report.changed, report.unreadable) == (25, 0)
    assert len(telnyx.calls) == 21
    assert _statuses() == {"APPROVED"}


def test_a_campaign_that_the_carrier_does_not_know_stays_as_it_is(
    world: World, telnyx: FakeTelnyx, telnyx_carrier: Carrier
) -> None:
    _campaigns(world, 1, "APPROVED")
    report, [decision] = _sync(telnyx_carrier)
    assert (report.unknown, report.changed, decision.status) == (1, 0, None)
    assert _statuses() == {"APPROVED"}


def test_many_announcements_are_no_loophole(world: World, telnyx: FakeTelnyx, telnyx_carrier: Carrier) -> None:
    """One campaign after the other is announced as suspended, each of another tenant."""
    campaigns = _campaigns(world, 15, "APPROVED", of_many=True)
    reasons = []
    for campaign in campaigns:
        telnyx.add_campaign(str(campaign.tcr_campaign_id), status="TCR_SUSPENDED")
        decisions: list[Decision] = []
        sync_announcement(
            carrier=telnyx_carrier,
            campaign_id=campaign.tcr_campaign_id,
            brand_id=None,
            on_decision=decisions.append,
        )
        reasons.append(decisions[-1].reason)
    assert reasons == [None] * 10 + ["too many differ; see --force"] * 5
    assert Campaign.objects.filter(carrier_status="SUSPENDED").count() == 10
    # The next hour is another run.
    CarrierReading.objects.update(started_at=F("started_at") - timedelta(minutes=61))
    report = sync_announcement(carrier=telnyx_carrier, campaign_id=campaigns[14].tcr_campaign_id, brand_id=None)
    assert (report.changed, report.left) == (1, 0)


def test_an_announced_approval_is_recorded(world: World, telnyx: FakeTelnyx, telnyx_carrier: Carrier) -> None:
    campaigns = _campaigns(world, 12, "PENDING")
    for campaign in campaigns:
        telnyx.add_campaign(str(campaign.tcr_campaign_id))
        sync_announcement(carrier=telnyx_carrier, campaign_id=campaign.tcr_campaign_id, brand_id=None)
    assert _statuses() == {"APPROVED"}
