"""What the carrier has against what it should have, in both directions."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.actors import Actor
from carriers.base import Carrier
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment, PhoneNumber
from propagation.models import CarrierAnswer, CarrierReading
from propagation.services import reading
from propagation.services.reading import TooManyErrors
from propagation.services.reconcile import Drift, Finding, Report, reconcile
from tests.support.factories import OrganizationFactory, PhoneNumberFactory
from tests.support.propagation import Meanwhile, Worker, attach, detach, line_option_status, statuses
from tests.support.worlds import World

ACTOR = Actor.for_worker("reconcile")


def _reconcile(carrier: Carrier, **options: object) -> tuple[Report, list[Finding]]:
    findings: list[Finding] = []
    report = reconcile(carrier=carrier, actor=ACTOR, on_finding=findings.append, **options)  # type: ignore[arg-type]
    assert report is not None
    assert not CarrierAnswer.objects.exists(), "Nothing is kept of what was read."
    return report, findings


@pytest.fixture
def drifted(world: World, worker: Worker, simulator: SimulatorServer) -> dict[str, PhoneNumber]:
    """One number for each way to differ, one that agrees, and a stranger's. More than a run corrects of one tenant."""
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


def _rows() -> tuple[object, object]:
    return list(PhoneNumber.objects.order_by("id").values()), list(CampaignAttachment.objects.order_by("id").values())


def test_drift_is_found_and_corrected(
    world: World, worker: Worker, simulator: SimulatorServer, drifted: dict[str, PhoneNumber]
) -> None:
    report, findings = _reconcile(worker.carrier, force=True)
    assert {finding.number: (finding.drift, finding.reason) for finding in findings} == {
        drifted["missing"].number: (Drift.MISSING, None),
        drifted["other"].number: (Drift.OTHER_CAMPAIGN, None),
        drifted["theirs"].number: (Drift.NOT_OURS, None),
        drifted["detached"].number: (Drift.NOT_OURS, None),
    }
    assert (report.extent.compared, report.extent.drifted, report.left) == (7, 4, 0)
    assert line_option_status(drifted["missing"]) == line_option_status(drifted["other"]) == "pending"
    assert drifted["missing"].carrier_line_option_propagated_at is None
    assert line_option_status(drifted["theirs"]) == line_option_status(drifted["detached"]) == "removing"
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
    assert {name: line_option_status(number) for name, number in drifted.items()} == {
        "agrees": "propagated", "missing": "propagated", "other": "propagated", "theirs": None, "detached": None,
    }  # fmt: skip
    assert _reconcile(worker.carrier)[1] == []


@pytest.mark.parametrize("options", [{"dry_run": True}, {"dry_run": True, "force": True}, {}])
def test_a_dry_run_and_a_run_over_the_limit_change_nothing(
    worker: Worker, drifted: dict[str, PhoneNumber], options: dict[str, bool]
) -> None:
    before = _rows()
    report, findings = _reconcile(worker.carrier, **options)
    assert (len(findings), report.left) == (4, 4)
    assert report.extent.excess is not None
    assert before == _rows()
    reason = "dry run" if options else "too many differ; see --force"
    assert {finding.reason for finding in findings} == {reason}
    assert list(CarrierReading.objects.values_list("drifted", "left")) == ([] if options else [(4, 4)])


def test_one_organization_alone(world: World, worker: Worker, drifted: dict[str, PhoneNumber]) -> None:
    report, findings = _reconcile(worker.carrier, organization_id=world.stranger.organization.id)
    assert (report.extent.compared, findings) == (1, [])


@pytest.mark.parametrize("found", ["CELSE00", None], ids=["another campaign", "no campaign"])
@pytest.mark.parametrize(("drifting", "is_stopped"), [(3, False), (4, True), (40, True)])
def test_attached_numbers_have_a_brake_for_each_organization(
    world: World, worker: Worker, simulator: SimulatorServer, found: str | None, drifting: int, is_stopped: bool
) -> None:
    numbers = PhoneNumberFactory.create_batch(40, organization=world.organization)
    for number in numbers:
        attach(number, world.campaign)
    worker.run()
    for number in numbers[:drifting]:
        simulator.store.put_number(number.number, found)
    report, findings = _reconcile(worker.carrier)
    assert (len(findings), report.left) == (drifting, drifting if is_stopped else 0)
    pending = PhoneNumber.objects.filter(carrier_line_option_status="pending").count()
    assert pending == (0 if is_stopped else drifting)


@pytest.mark.parametrize(("tenants", "is_stopped"), [(10, False), (11, True)])
def test_many_small_tenants_are_no_loophole(
    world: World, worker: Worker, simulator: SimulatorServer, tenants: int, is_stopped: bool
) -> None:
    for _ in range(tenants):
        number = PhoneNumberFactory.create(organization=OrganizationFactory.create())
        simulator.store.put_number(number.number, "CELSE00")
    report, _findings = _reconcile(worker.carrier)
    assert report.left == (tenants if is_stopped else 0)
    removing = PhoneNumber.objects.filter(carrier_line_option_status="removing").count()
    assert removing == (0 if is_stopped else tenants)


def test_what_is_on_its_way_is_not_compared(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    attach(world.phone_number, world.campaign)
    assert _reconcile(worker.carrier)[1] == []
    simulator.faults = Faults(order_seconds=60)
    worker.run()
    assert _reconcile(worker.carrier)[1] == []
    assert statuses(world.phone_number) == ["submitted"]


def test_what_changes_while_the_carrier_is_read_is_not_compared(
    world: World, worker: Worker, carrier: Carrier, simulator: SimulatorServer
) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    simulator.store.put_number(world.phone_number.number, None)

    def moves_and_arrives() -> None:
        attach(world.phone_number, world.other_campaign)
        worker.run()

    report, findings = _reconcile(Meanwhile(carrier, moves_and_arrives))
    assert (report.extent.compared, findings) == (1, [])
    assert statuses(world.phone_number) == ["propagated", "propagated"]


def test_what_changes_before_it_is_corrected_is_left(
    world: World, worker: Worker, carrier: Carrier, simulator: SimulatorServer
) -> None:
    first, second = sorted(
        PhoneNumberFactory.create_batch(2, organization=world.organization), key=lambda number: number.id
    )
    for number in (first, second):
        attach(number, world.campaign)
    worker.run()
    for number in (first, second):
        simulator.store.put_number(number.number, None)
    found: list[str | None] = []

    def moves(finding: Finding) -> None:
        found.append(finding.reason)
        if finding.number == first.number:
            attach(second, world.other_campaign)
            worker.run()

    reconcile(carrier=carrier, actor=ACTOR, on_finding=moves)
    assert found == [None, "changed meanwhile"]
    assert statuses(second) == ["propagated", "propagated"]


def test_a_carrier_that_stumbles_is_asked_again(
    world: World, worker: Worker, simulator: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        simulator.faults = Faults(errors=0 if len(pauses) == 2 else 1)

    simulator.faults = Faults(errors=1)
    monkeypatch.setattr(reading, "sleep", pause)
    assert _reconcile(worker.carrier)[0].extent.compared == 2
    assert pauses == [1, 2]
    PhoneNumberFactory.create_batch(10, organization=world.organization)
    simulator.faults = Faults(errors=1)
    monkeypatch.setattr(reading, "sleep", lambda _seconds: None)
    with pytest.raises(TooManyErrors):
        _reconcile(worker.carrier)
    simulator.faults = Faults()
    report, _findings = _reconcile(worker.carrier)
    assert (report.extent.compared, report.unreadable) == (12, 0), "It continues, and asks again where it failed."


def test_the_command(world: World, worker: Worker, chosen: SimulatorServer, drifted: dict[str, PhoneNumber]) -> None:
    said = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("reconcile_carrier", "--dry-run", "--json", "--organization", world.organization.slug, stdout=said)
    answer = json.loads(said.getvalue())
    assert ended.value.code == 1
    assert [finding["reason"] for finding in answer.pop("findings")] == ["dry run"] * 4
    assert answer == {
        "checked": 6, "lost": 0, "missing": 1, "other_campaign": 1, "not_ours": 2, "corrected": 0, "left": 4,
        "unknown": 0, "unreadable": 0, "excess": f"4 of 6 differ in organization {world.organization.id}, more than 3",
    }  # fmt: skip
    said = StringIO()
    call_command("reconcile_carrier", "--force", stdout=said, stderr=StringIO())
    assert "7 numbers: 4 differ, 4 will be corrected" in said.getvalue()
    assert (
        f"{drifted['theirs'].number}: on a campaign at the carrier, on none here (- here, CELSE00 there)"
        in said.getvalue()
    )
    kinds = CampaignAttachment.objects.filter(campaign=None).values_list("actor_kind", "actor_id")
    assert set(kinds) == {("command", "test"), ("command", "reconcile_carrier")}
    worker.settle()
    said = StringIO()
    call_command("reconcile_carrier", "--json", stdout=said)
    assert json.loads(said.getvalue())["findings"] == []
    with pytest.raises(CommandError, match="no organization with the slug 'missing'"):
        call_command("reconcile_carrier", "--organization", "missing")
