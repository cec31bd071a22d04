"""Numbers that are gone at the carrier: its news, its confirmation, and what reconciliation finds without news."""

from collections.abc import Callable, MutableMapping
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from procrastinate import RetryStrategy
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.actors import Actor
from agentmessage.errors import NumberNotAssigned
from carriers.base import CarrierUnavailable
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from propagation import tasks
from propagation.services import calling
from propagation.services.reconcile import Drift, Finding, reconcile
from propagation.services.stats import numbers_by_status
from tests.support.api import ApiClient, assert_refused
from tests.support.carrier_webhooks import Post, news
from tests.support.factories import PhoneNumberFactory
from tests.support.fake_telnyx import FakeTelnyx, error
from tests.support.propagation import Worker, attach, detach, entries, line_option_status, propagated_at, statuses
from tests.support.serving import FakeCarrier, Fault, Reply
from tests.support.worlds import World

Tell = Callable[[Post, str], int]


def _bandwidth(order: str) -> Tell:
    def tell(post: Post, number: str) -> int:
        kind, status = order.split()
        body = (
            f"<Notification><SubscriptionId>9</SubscriptionId>{kind}<OrderId>bw-1</OrderId><Status>{status}</Status>"
            f"<TNS><TelephoneNumber>{number[2:]}</TelephoneNumber></TNS></Notification>"
        )
        listed = "ImpactedTelephoneNumbers" if "EventType" in kind else "CompletedTelephoneNumbers"
        return post.bandwidth(body.replace("TNS", listed)).status_code

    return tell


def _telnyx(status: str) -> Tell:
    def tell(post: Post, number: str) -> int:
        payload = {"id": "477bf6c3", "phone_numbers": [number], "status": status, "carrier_name": "Onvoy"}
        return post.telnyx(news("portout.status_changed", payload)).status_code

    return tell


NEWS: dict[str, tuple[str, Tell, str | None]] = {
    "ported out": ("bandwidth", _bandwidth("<OrderType>portouts</OrderType> COMPLETE"), "PortOut"),
    "disconnected": ("bandwidth", _bandwidth("<OrderType>disconnects</OrderType> PARTIAL"), "Aging"),
    "messaging lost": ("bandwidth", _bandwidth("<EventType>MESSAGING_LOST</EventType> NONE"), None),
    "ported out at Telnyx": ("telnyx", _telnyx("ported"), "ported-out"),
    "no longer at Telnyx": ("telnyx", _telnyx("authorized"), None),
}


def _run_jobs() -> int:
    """Do what is queued, as a worker does. Return how many jobs it was."""
    jobs = list(ProcrastinateJob.objects.filter(task_name="confirm_losses", status="todo"))
    for job in jobs:
        tasks.confirm_losses(**job.args)
    return len(jobs)


@pytest.mark.parametrize(("account", "tell", "status"), NEWS.values(), ids=NEWS)
def test_a_number_is_lost_once_the_carrier_confirms_its_news(
    post: Post,
    world: World,
    fakes: dict[str, FakeCarrier],
    account: str,
    tell: Tell,
    status: str | None,
    reader: ApiClient,
) -> None:
    number, fake = propagated_at(account, world.phone_number, world.campaign), fakes[account]
    # News that is not true changes nothing.
    assert tell(post, number.number) == 200
    assert _run_jobs() == 1
    assert line_option_status(number) == "propagated"

    fake.elsewhere = {number.number: status}  # type: ignore[attr-defined]  # Both fakes have it.
    assert tell(post, number.number) == 200
    assert line_option_status(number) == "propagated", "A webhook changes nothing."
    before, calls = number.updated_at, [call.method for call in fake.calls]
    _run_jobs()
    number.refresh_from_db()
    assert (number.state, number.campaign_id, number.carrier_line_option_status) == (NumberState.LOST, None, None)
    assert number.updated_at > before
    assert number.organization_id == world.organization.id
    entry = CampaignAttachment.objects.filter(phone_number=number).latest("created_at")
    assert (entry.actor_kind, entry.actor_id, entry.previous_campaign_id, entry.campaign_id, entry.status) == (
        "carrier", account, world.campaign.id, None, "propagated",
    )  # fmt: skip
    assert entry.propagated_at is not None
    assert entry.reason == "The carrier no longer has the number in service."
    # Nothing is sent.
    Worker(calling.carrier_of(account)).settle()
    assert {call.method for call in fake.calls[len(calls) :]} == {"GET"}
    # The API no longer has it.
    path = f"/v1/phone-numbers/{number.id}"
    assert reader.get(path).status_code == 404
    assert number.number not in str(reader.get("/v1/phone-numbers").json())
    refused = reader.post(f"{path}/campaign", {"campaign_id": str(world.campaign.id)})
    assert_refused(refused, 409, "NUMBER_NOT_ASSIGNED", "number is not assigned")
    readiness = reader.get(f"{path}/readiness").json()["data"]
    assert readiness["can_send"] is False
    [blocker] = readiness["blockers"]
    assert (blocker["code"], "lost" in blocker["message"]) == ("NUMBER_NOT_ASSIGNED", True)
    # Again, and the same.
    assert tell(post, number.number) == 200
    _run_jobs()
    assert len(entries(number)) == 2


def test_a_loss_is_logged_and_counted(
    world: World, fakes: dict[str, FakeTelnyx], log_lines: list[MutableMapping[str, Any]]
) -> None:
    number = propagated_at("telnyx", world.phone_number, world.campaign)
    fakes["telnyx"].elsewhere = {number.number: "deleted"}
    tasks.confirm_losses(account="telnyx", numbers=[number.number])
    [line] = [line for line in log_lines if line["event"] == "phone_number.lost"]
    assert (line["number"], line["account"]) == (number.number, "telnyx")
    assert numbers_by_status()["lost"] == 1


@pytest.mark.parametrize("status", ["port-out-pending", "purchase-pending"])
def test_what_the_carrier_does_not_say_is_no_loss(world: World, fakes: dict[str, FakeTelnyx], status: str) -> None:
    number = propagated_at("telnyx", world.phone_number, world.campaign)
    fakes["telnyx"].elsewhere = {number.number: status}
    tasks.confirm_losses(account="telnyx", numbers=[number.number])
    assert line_option_status(number) == "propagated"


@pytest.mark.parametrize("reply", [Reply(503), error("10009")], ids=["outage", "refusal"])
def test_a_carrier_that_cannot_be_asked_loses_nothing(world: World, fakes: dict[str, FakeTelnyx], reply: Reply) -> None:
    number = propagated_at("telnyx", world.phone_number, world.campaign)
    fakes["telnyx"].elsewhere = {number.number: None}
    fakes["telnyx"].faults = [Fault("GET", reply)]
    with pytest.raises(Exception, match=r"Authentication|HTTP 503"):
        tasks.confirm_losses(account="telnyx", numbers=[number.number])
    assert line_option_status(number) == "propagated"
    retry = tasks.confirm_losses.retry_strategy
    assert isinstance(retry, RetryStrategy)
    assert (retry.retry_exceptions, retry.max_attempts) == ([CarrierUnavailable], 8)


def test_news_is_authenticated_and_about_known_numbers(post: Post, world: World, fakes: dict[str, FakeTelnyx]) -> None:
    number = propagated_at("telnyx", world.phone_number, world.campaign)
    told = news("portout.status_changed", {"phone_numbers": [number.number], "status": "ported"})
    assert post.telnyx(told, signed=b"{}").status_code == 401
    body = "<Notification><OrderType>portouts</OrderType><TelephoneNumber>9195550100</TelephoneNumber></Notification>"
    assert post.bandwidth(body, credentials="carrier:wrong").status_code == 401
    assert _telnyx("ported")(post, "+12025550199") == 200
    # Another order of Bandwidth's names numbers too.
    assert _bandwidth("<OrderType>tnoptions</OrderType> COMPLETE")(post, number.number) == 200
    assert _run_jobs() == 0
    malformed = news("portout.status_changed", {"phone_numbers": number.number})
    assert post.telnyx(malformed).status_code == 400


def test_numbers_in_stock_and_in_quarantine_are_lost_and_those_on_their_way_are_not(
    world: World, fakes: dict[str, FakeTelnyx]
) -> None:
    free = PhoneNumberFactory.create(in_stock=True, carrier="telnyx")
    cooling = PhoneNumberFactory.create(organization=world.organization, quarantined=True, carrier="telnyx")
    coming = PhoneNumberFactory.create(organization=world.organization, porting=True, carrier="telnyx")
    numbers = [number.number for number in (free, cooling, coming)]
    fakes["telnyx"].elsewhere = dict.fromkeys(numbers)
    tasks.confirm_losses(account="telnyx", numbers=numbers)
    states = dict(PhoneNumber.objects.filter(number__in=numbers).values_list("number", "state"))
    assert [states[number] for number in numbers] == ["LOST", "LOST", "PENDING"]
    assert (statuses(free), statuses(cooling)) == ([], ["propagated"])


def test_an_attach_under_way_is_superseded_by_the_loss(world: World, fakes: dict[str, FakeTelnyx]) -> None:
    fake, number = fakes["telnyx"], world.phone_number
    fake.is_slow = True
    PhoneNumber.objects.filter(id=number.id).update(carrier="telnyx")
    number.refresh_from_db()
    attach(number, world.campaign)
    worker = Worker(calling.carrier_of("telnyx"))
    worker.run()
    fake.elsewhere = {number.number: "ported-out"}
    tasks.confirm_losses(account="telnyx", numbers=[number.number])
    fake.settle()
    worker.settle()
    assert statuses(number) == ["superseded", "propagated"]
    assert line_option_status(number) is None
    with pytest.raises(NumberNotAssigned):
        detach(number)


@pytest.mark.parametrize("account", ["bandwidth", "telnyx"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_reconciliation_finds_the_loss_without_the_webhook(
    world: World, fakes: dict[str, Any], account: str, dry_run: bool
) -> None:
    number, fake = propagated_at(account, world.phone_number, world.campaign), fakes[account]
    fake.elsewhere = {number.number: None}
    (fake.campaigns if account == "bandwidth" else fake.records).pop(number.number)
    sent = len([call for call in fake.calls if call.method != "GET"])
    findings: list[Finding] = []
    for _ in range(2):
        reconcile(
            carrier=calling.carrier_of(account),
            actor=Actor.for_worker("reconcile"),
            dry_run=dry_run,
            on_finding=findings.append,
        )
    number.refresh_from_db()
    assert number.state == (NumberState.ASSIGNED if dry_run else NumberState.LOST)
    assert [finding.drift for finding in findings] == [Drift.LOST] * (2 if dry_run else 1)
    assert len([call for call in fake.calls if call.method != "GET"]) == sent


def test_a_lost_number_that_the_list_still_has_is_no_drift(world: World, fakes: dict[str, FakeTelnyx]) -> None:
    number = propagated_at("telnyx", world.phone_number, world.campaign)
    fakes["telnyx"].elsewhere = {number.number: "ported-out"}
    tasks.confirm_losses(account="telnyx", numbers=[number.number])
    report = reconcile(carrier=calling.carrier_of("telnyx"), actor=Actor.for_worker("reconcile"))
    assert report is not None
    assert (report.extent.compared, report.extent.drifted) == (0, 0)


def test_the_command_says_that_a_number_is_lost(world: World) -> None:
    PhoneNumber.objects.filter(id=world.phone_number.id).update(state=NumberState.LOST)
    out = StringIO()
    with pytest.raises(SystemExit) as exited:
        call_command("readiness", world.phone_number.number, stdout=out)
    assert exited.value.code == 3
    assert "lost" in out.getvalue()
