"""What the carrier has against what it should have, in both directions."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.actors import Actor
from campaigns.models import CarrierStatus
from carriers.base import CarrierUnavailable
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment, PhoneNumber
from propagation.services import calling
from propagation.services.reconcile import Drift, Report, reconcile
from tests.support.factories import PhoneNumberFactory
from tests.support.propagation import Worker, attach, detach, standing, statuses
from tests.support.worlds import World

ACTOR = Actor.for_worker("reconcile")


def _reconcile(worker: Worker, **options: object) -> Report:
    given: dict[str, object] = {"max_detach_share": 1.0, **options}
    return reconcile(carrier=worker.carrier, actor=ACTOR, **given)  # type: ignore[arg-type]


@pytest.fixture
def drifted(world: World, worker: Worker, simulator: SimulatorServer) -> dict[str, PhoneNumber]:
    """One number for each way to differ, one that agrees, and a stranger's."""
    names = ("agrees", "missing", "other", "theirs", "detached")
    numbers = dict(zip(names, PhoneNumberFactory.create_batch(5, organization=world.organization), strict=True))
    for name in ("agrees", "missing", "other", "detached"):
        attach(numbers[name], world.campaign)
    worker.run()
    detach(numbers["detached"])
    worker.run()
    simulator.store.put_number(numbers["missing"].number, None)
    simulator.store.put_number(numbers["other"].number, "CELSE00")
    simulator.store.put_number(numbers["theirs"].number, "CELSE00")
    simulator.store.put_number(numbers["detached"].number, world.campaign.tcr_campaign_id)
    for number in numbers.values():
        number.refresh_from_db()
    return numbers


def test_drift_is_found_and_mended(
    world: World, worker: Worker, simulator: SimulatorServer, drifted: dict[str, PhoneNumber]
) -> None:
    report = _reconcile(worker)
    found = {finding.number: (finding.drift, finding.corrected) for finding in report.findings}
    assert found == {
        drifted["missing"].number: (Drift.MISSING, True),
        drifted["other"].number: (Drift.OTHER_CAMPAIGN, True),
        drifted["theirs"].number: (Drift.NOT_OURS, True),
        drifted["detached"].number: (Drift.NOT_OURS, True),
    }
    assert report.checked == 7
    assert standing(drifted["missing"]) == standing(drifted["other"]) == "pending"
    assert drifted["missing"].carrier_line_option_propagated_at is None
    assert standing(drifted["theirs"]) == standing(drifted["detached"]) == "removing"
    entry = CampaignAttachment.objects.get(phone_number=drifted["theirs"])
    assert (entry.actor_kind, entry.actor_id, entry.campaign_id, entry.previous_campaign_id) == (
        "worker", "reconcile", None, None,
    )  # fmt: skip
    latest = CampaignAttachment.objects.filter(phone_number=drifted["detached"]).latest("created_at")
    assert latest.previous_campaign_id == world.campaign.id, "Its campaign is one of the tenant's."
    worker.settle()
    assert simulator.store.numbers() == {
        drifted[name].number: world.campaign.tcr_campaign_id for name in ("agrees", "missing", "other")
    }
    assert {name: standing(number) for name, number in drifted.items()} == {
        "agrees": "propagated", "missing": "propagated", "other": "propagated", "theirs": None, "detached": None,
    }  # fmt: skip
    assert _reconcile(worker).findings == []


def test_a_dry_run_changes_nothing(worker: Worker, drifted: dict[str, PhoneNumber]) -> None:
    before = list(PhoneNumber.objects.order_by("id").values()), list(CampaignAttachment.objects.order_by("id").values())
    report = _reconcile(worker, dry_run=True)
    assert (len(report.findings), report.left) == (4, 4)
    assert before == (
        list(PhoneNumber.objects.order_by("id").values()),
        list(CampaignAttachment.objects.order_by("id").values()),
    )


def test_one_organization_alone(world: World, worker: Worker, drifted: dict[str, PhoneNumber]) -> None:
    report = _reconcile(worker, organization_id=world.stranger.organization.id)
    assert (report.checked, report.findings) == (1, [])


@pytest.mark.parametrize(("share", "force", "detached"), [(0.0, False, 1), (0.3, False, 6), (0.3, True, 20)])
def test_it_never_detaches_too_many(
    world: World, worker: Worker, simulator: SimulatorServer, share: float, force: bool, detached: int
) -> None:
    for number in PhoneNumberFactory.create_batch(19, organization=world.organization):
        simulator.store.put_number(number.number, "CELSE00")
    simulator.store.put_number(world.phone_number.number, "CELSE00")
    report = _reconcile(worker, max_detach_share=share, force=force)
    assert PhoneNumber.objects.filter(carrier_line_option_status="removing").count() == detached
    assert report.left == 20 - detached
    assert {finding.reason for finding in report.findings if not finding.corrected} <= {
        "over the share that one run may detach; see --force"
    }


def test_what_is_on_its_way_is_not_compared(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    attach(world.phone_number, world.campaign)
    assert _reconcile(worker).findings == []
    simulator.faults = Faults(order_seconds=60)
    worker.run()
    assert _reconcile(worker).findings == []
    assert statuses(world.phone_number) == ["submitted"]


def test_a_move_between_the_question_and_the_mending_wins(
    world: World, worker: Worker, simulator: SimulatorServer
) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    simulator.store.put_number(world.phone_number.number, None)
    ask = worker.carrier.assignments

    def ask_and_move(numbers: object) -> object:
        answer = list(ask(numbers))  # type: ignore[arg-type]
        attach(world.phone_number, world.other_campaign)
        return answer

    worker.carrier.assignments = ask_and_move  # type: ignore[method-assign,assignment]  # The moment in between.
    [finding] = _reconcile(worker).findings
    assert (finding.corrected, finding.reason) == (False, "changed meanwhile")
    assert statuses(world.phone_number) == ["propagated", "pending"]


def test_a_carrier_that_stumbles_is_asked_again(
    world: World, worker: Worker, simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        simulator.faults = Faults(errors=0 if len(pauses) == 2 else 1)

    simulator.faults = Faults(errors=1)
    monkeypatch.setattr(calling, "sleep", pause)
    assert _reconcile(worker).checked == 2
    assert pauses == [1, 2]
    simulator.faults = Faults(errors=1)
    monkeypatch.setattr(calling, "sleep", lambda _seconds: None)
    with pytest.raises(CarrierUnavailable):
        _reconcile(worker)


def test_the_command(world: World, worker: Worker, chosen: SimulatorServer, drifted: dict[str, PhoneNumber]) -> None:
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile_carrier", "--dry-run", "--json", "--organization", world.organization.slug, stdout=said)
    answer = json.loads(said.getvalue())
    assert ended.value.code == 1
    assert (answer["checked"], answer["missing"], answer["other_campaign"], answer["not_ours"], answer["left"]) == (
        6, 1, 1, 2, 4,
    )  # fmt: skip
    said = StringIO()
    call_command("reconcile_carrier", "--force", stdout=said, stderr=StringIO())
    assert "7 numbers: 4 differ, 4 will be corrected" in said.getvalue()
    assert (
        f"{drifted['theirs'].number}: on a campaign at the carrier, on none here (- here, CELSE00 there)"
        in said.getvalue()
    )
    kinds = CampaignAttachment.objects.filter(campaign=None).values_list("actor_kind", "actor_id")
    assert set(kinds) == {("command", "test"), ("command", "reconcile_carrier")}
    chosen.stop()
    with pytest.raises(CommandError, match="no organization with the slug 'nobody'"):
        call_command("reconcile_carrier", "--organization", "nobody")


def test_sync_takes_over_what_the_carrier_has_decided(world: World, worker: Worker, chosen: SimulatorServer) -> None:
    world.campaign.carrier_status = CarrierStatus.PENDING
    world.campaign.save()
    attach(world.phone_number, world.campaign)
    chosen.store.put_campaign(str(world.other_campaign.tcr_campaign_id), "SUSPENDED")
    said = StringIO()
    call_command("sync_campaigns", "--dry-run", stdout=said)
    assert "3 campaigns asked after, 2 changed" in said.getvalue()
    world.campaign.refresh_from_db()
    assert world.campaign.carrier_status == CarrierStatus.PENDING
    said = StringIO()
    call_command("sync_campaigns", "--json", stdout=said)
    assert json.loads(said.getvalue())["changed"] == 2
    world.campaign.refresh_from_db()
    world.other_campaign.refresh_from_db()
    assert (world.campaign.carrier_status, world.other_campaign.carrier_status) == ("APPROVED", "SUSPENDED")
    worker.settle()
    assert standing(world.phone_number) == "propagated"
