"""What carriers do not take, networks that disagree, and campaigns that sleep."""

from datetime import timedelta

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from carriers.base import CampaignApproval, CampaignDecision, Carrier
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import NumberType, PhoneNumber
from propagation.services import calling
from propagation.services.sync import sync_campaigns
from tests.support.api import ApiClient
from tests.support.factories import PhoneNumberFactory
from tests.support.fake_bandwidth import FakeBandwidth
from tests.support.fake_telnyx import FakeTelnyx
from tests.support.propagation import Worker, attach, detach, entries, line_option_status, propagated_at, statuses
from tests.support.serving import FakeCarrier
from tests.support.worlds import World

# Eligibility.


@pytest.mark.parametrize("account", ["bandwidth", "telnyx"])
@pytest.mark.parametrize(
    ("number_type", "digits"), [(NumberType.TOLL_FREE, "+18005550100"), (NumberType.SHORT_CODE, "22763")]
)
@pytest.mark.parametrize("carrier_status", ["APPROVED", "PENDING", "REJECTED"])
def test_another_type_fails_at_once_without_a_call(
    world: World,
    fakes: dict[str, FakeCarrier],
    reader: ApiClient,
    account: str,
    number_type: NumberType,
    digits: str,
    carrier_status: str,
) -> None:
    Campaign.objects.update(carrier_status=carrier_status)
    world.campaign.refresh_from_db()
    number = PhoneNumberFactory.create(
        organization=world.organization, number=digits, number_type=number_type, carrier=account
    )
    attach(number, world.campaign)
    worker = Worker(calling.carrier_of(account))
    worker.run()
    assert line_option_status(number) == "failed"
    [entry] = entries(number)
    assert (entry["failure_code"], entry["attempts"]) == ("NUMBER_TYPE_NOT_ELIGIBLE", 0)
    shown = reader.get(f"/v1/phone-numbers/{number.id}/campaign").json()["data"]["failure"]
    assert (shown["retried_automatically"], "verified" in shown["resolution"]) == (False, True)
    detach(number)
    worker.run()
    assert (line_option_status(number), statuses(number)) == (None, ["failed", "propagated"])
    assert fakes[account].calls == []


# Network by network.

_P, _A, _R, _S = CampaignDecision


@pytest.mark.parametrize(
    ("whole", "networks", "decision"),
    [
        (_A, [], _A), (_P, [], _P), (_A, [_A, _A], _A), (_A, [_A, _S], _A), (_A, [_A, _R], _A),
        (_A, [_S, _S], _S), (_A, [_R, _S], _R), (_A, [_A, _P], _P), (_A, [_S, _P], _P),
        (_P, [_A, _A], _P), (_S, [_A, _A], _S), (_R, [_A, _P], _R),
    ],
)  # fmt: skip
def test_the_rule_that_makes_one_decision_of_many(
    whole: CampaignDecision, networks: list[CampaignDecision], decision: CampaignDecision
) -> None:
    approval = CampaignApproval(whole, [(str(index), word) for index, word in enumerate(networks)])
    assert approval.decision == decision


def test_one_network_suspends_and_the_others_deliver(
    world: World, fakes: dict[str, FakeBandwidth], reader: ApiClient
) -> None:
    fakes["bandwidth"].networks = {"C000000": {"10017": "APPROVED", "10035": "SUSPENDED"}}
    PhoneNumber.objects.update(campaign=None, carrier="bandwidth")
    number = propagated_at("bandwidth", world.phone_number, world.campaign)
    sync_campaigns(carrier=calling.carrier_of("bandwidth"))
    shown = reader.get(f"/v1/campaigns/{world.campaign.id}").json()["data"]
    assert shown["mno_metadata"] == {"10017": "APPROVED", "10035": "SUSPENDED"}
    assert shown["carrier_status"] == "APPROVED"
    before = Campaign.objects.get(id=world.campaign.id).updated_at
    sync_campaigns(carrier=calling.carrier_of("bandwidth"))
    assert Campaign.objects.get(id=world.campaign.id).updated_at == before, "Nothing is new."
    assert line_option_status(number) == "propagated"

    fakes["bandwidth"].networks = {"C000000": {"10017": "SUSPENDED", "10035": "SUSPENDED"}}
    sync_campaigns(carrier=calling.carrier_of("bandwidth"))
    shown = reader.get(f"/v1/campaigns/{world.campaign.id}").json()["data"]
    assert (shown["carrier_status"], shown["mno_metadata"]["10017"]) == ("SUSPENDED", "SUSPENDED")


@pytest.mark.parametrize("is_suspended", [True, False])
def test_telnyx_tells_t_mobile_from_the_others(fakes: dict[str, FakeTelnyx], is_suspended: bool) -> None:
    for campaign in fakes["telnyx"].campaigns.values():
        campaign |= {"isTMobileRegistered": True, "isTMobileSuspended": is_suspended}
    approval = calling.carrier_of("telnyx").campaign_status("C000000")
    assert approval is not None
    assert dict(approval.networks) == {"10035": _S if is_suspended else _A, "other": _A}
    assert approval.decision == _A


def test_the_simulator_tells_networks(db: None, simulator: SimulatorServer, carrier: Carrier) -> None:
    simulator.store.put_campaign("C000000", "APPROVED")
    simulator.store.put_networks("C000000", {"10017": "REJECTED", "10035": "SUSPENDED"})
    approval = carrier.campaign_status("C000000")
    assert approval is not None
    assert approval.decision == _R
    simulator.store.lose_number("+19195550100")
    holdings = dict(carrier.holdings(["+19195550100", "+19195550101"]))
    assert holdings == {"+19195550100": False, "+19195550101": True}


def test_steps_of_a_propagation_at_telnyx(world: World, fakes: dict[str, FakeTelnyx], reader: ApiClient) -> None:
    fake, number, path = fakes["telnyx"], world.phone_number, f"/v1/phone-numbers/{world.phone_number.id}/campaign"
    assert reader.get(path).json()["data"]["steps"] == []
    fake.is_slow = True
    fake.mappings = {"tmobileNumberMappingStatus": "PENDING_ADD", "nonTmobileNumberMappingStatus": "ADDED"}
    PhoneNumber.objects.filter(id=number.id).update(carrier="telnyx")
    number.refresh_from_db()
    attach(number, world.campaign)
    worker = Worker(calling.carrier_of("telnyx"))
    worker.run()
    steps = [{"network": "T-Mobile", "status": "PENDING_ADD"}, {"network": "other networks", "status": "ADDED"}]
    assert reader.get(path).json()["data"]["steps"] == steps
    fake.mappings["tmobileNumberMappingStatus"] = "ADDED"
    fake.settle()
    worker.settle()
    steps[0]["status"] = "ADDED"
    shown = reader.get(path).json()["data"]
    assert (shown["status"], shown["steps"]) == ("propagated", steps)


# Dormant campaigns.


def _attach_at_telnyx(world: World) -> Worker:
    PhoneNumber.objects.filter(id=world.phone_number.id).update(carrier="telnyx")
    world.phone_number.refresh_from_db()
    attach(world.phone_number, world.campaign)
    worker = Worker(calling.carrier_of("telnyx"))
    worker.run()
    return worker


def test_the_first_number_of_a_dormant_campaign_is_retried_once_and_soon(
    world: World, fakes: dict[str, FakeTelnyx]
) -> None:
    fakes["telnyx"].dormant = {"C000000"}
    worker = _attach_at_telnyx(world)
    [entry] = entries(world.phone_number)
    assert (entry["status"], entry["failure_code"]) == ("pending", "CAMPAIGN_DORMANT")
    assert entry["next_attempt_at"] - timezone.now() < timedelta(seconds=61)
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"


def test_a_second_failure_is_final(world: World, fakes: dict[str, FakeTelnyx]) -> None:
    fakes["telnyx"].failing = {world.phone_number.number: "It is on another campaign."}
    _attach_at_telnyx(world).settle()
    assert line_option_status(world.phone_number) == "failed"
    [entry] = entries(world.phone_number)
    assert (entry["failure_code"], entry["attempts"]) == ("REJECTED", 1)
    assert [call.method for call in fakes["telnyx"].calls if call.method != "GET"] == ["POST", "POST", "PUT"]


def test_a_campaign_with_numbers_is_not_dormant(world: World, fakes: dict[str, FakeTelnyx]) -> None:
    _attach_at_telnyx(world).settle()
    other = PhoneNumberFactory.create(organization=world.organization, carrier="telnyx")
    fakes["telnyx"].failing = {other.number: "It is on another campaign."}
    attach(other, world.campaign)
    Worker(calling.carrier_of("telnyx")).run()
    assert entries(other)[0]["failure_code"] == "REJECTED"
    assert line_option_status(other) == "failed"
