"""Nothing waits forever: orders, approvals and detaches have a maximum age, and what ends can be resumed."""

from collections.abc import MutableMapping
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import Organization, Scope
from agentmessage.errors import NotFailed
from brands.models import IdentityStatus
from campaigns.models import CarrierStatus
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services.retry import retry_propagation
from propagation.models import CarrierOrder
from propagation.services.housekeeping import expire_orders, expire_waiting
from propagation.services.stats import current_stats
from tests.support.api import ApiClient
from tests.support.factories import make_key
from tests.support.operators import operate, outcomes, sign_in
from tests.support.propagation import (
    Worker,
    attach,
    detach,
    entries,
    fail_attachment,
    fail_propagation,
    hurry,
    line_option_status,
    statuses,
)
from tests.support.worlds import World

LogLines = list[MutableMapping[str, Any]]


@pytest.fixture
def api(world: World) -> ApiClient:
    """A client that may read, too."""
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ, Scope.NUMBERS_WRITE)
    return ApiClient(plain)


def _age(*, days: float) -> None:
    """Make all attachments older, which history forbids otherwise."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE numbers_campaignattachment DISABLE TRIGGER numbers_campaignattachment_no_update")
        cursor.execute(
            "UPDATE numbers_campaignattachment SET created_at = created_at - %(days)s * interval '1 day',"
            " resumed_at = resumed_at - %(days)s * interval '1 day'",
            {"days": days},
        )
        cursor.execute("ALTER TABLE numbers_campaignattachment ENABLE TRIGGER numbers_campaignattachment_no_update")


@pytest.fixture
def stuck(world: World, worker: Worker, simulator: SimulatorServer) -> CarrierOrder:
    """An order that the carrier never finishes."""
    simulator.faults = Faults(order_seconds=10**9)
    attach(world.phone_number, world.campaign)
    worker.run()
    simulator.faults = Faults()
    return CarrierOrder.objects.get()


def test_an_order_that_is_never_finished_expires(
    world: World, worker: Worker, stuck: CarrierOrder, log_lines: LogLines, api: ApiClient
) -> None:
    CarrierOrder.objects.update(created_at=timezone.now() - timedelta(days=6.9))
    assert expire_orders() == 0
    CarrierOrder.objects.update(created_at=timezone.now() - timedelta(days=7.1))
    assert expire_orders() == 1
    assert line_option_status(world.phone_number) == "failed"
    [line] = [line for line in log_lines if line["event"] == "propagation.recorded"]
    assert (line["outcome"], line["failure"]) == ("failed", "ORDER_EXPIRED")
    shown = api.client.get(f"/v1/phone-numbers/{world.phone_number.id}/campaign").json()["data"]["failure"]
    assert shown["code"] == "ORDER_EXPIRED"
    assert (shown["retried_automatically"], shown["can_retry"]) == (False, True)
    retry_propagation(organization_id=world.organization.id, phone_number_id=world.phone_number.id)
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"


def test_an_expired_order_frees_the_next_attachment(world: World, worker: Worker, stuck: CarrierOrder) -> None:
    attach(world.phone_number, world.other_campaign)
    worker.run()
    CarrierOrder.objects.update(created_at=timezone.now() - timedelta(days=8))
    expire_orders()
    worker.run()
    assert statuses(world.phone_number) == ["superseded", "propagated"]


def test_an_operator_abandons_an_order(world: World, worker: Worker, stuck: CarrierOrder, log_lines: LogLines) -> None:
    said = StringIO()
    call_command("abandon_order", str(stuck.id), "--reason", "ticket 4711", stdout=said)
    assert said.getvalue() == "abandoned; 1 of its numbers failed and can be retried\n"
    attachment = CampaignAttachment.objects.get()
    assert (attachment.status, attachment.failure_code) == ("failed", "ORDER_EXPIRED")
    assert attachment.failure_message == "An operator abandoned the order. ticket 4711"
    assert [line["outcome"] for line in log_lines if line["event"] == "propagation.recorded"] == ["failed"]
    for order_id in (stuck.id, uuid4()):
        with pytest.raises(CommandError, match="No open order"):
            call_command("abandon_order", str(order_id))


def test_a_wait_for_approval_expires_and_a_late_approval_resumes_it(
    world: World, worker: Worker, log_lines: LogLines
) -> None:
    world.campaign.carrier_status = CarrierStatus.PENDING
    world.campaign.save()
    attach(world.phone_number, world.campaign)
    _age(days=59)
    assert expire_waiting() == 0
    _age(days=2)
    assert expire_waiting() == 1
    assert (line_option_status(world.phone_number), entries(world.phone_number)[0]["failure_code"]) == (
        "failed",
        "APPROVAL_EXPIRED",
    )
    assert [line["failure"] for line in log_lines if line["event"] == "propagation.recorded"] == ["APPROVAL_EXPIRED"]
    # A retry waits for another 60 days.
    retry_propagation(organization_id=world.organization.id, phone_number_id=world.phone_number.id)
    worker.run()
    assert (line_option_status(world.phone_number), expire_waiting()) == ("pending", 0)
    _age(days=61)
    assert expire_waiting() == 1
    world.campaign.carrier_status = CarrierStatus.APPROVED
    world.campaign.save()
    worker.settle()
    assert line_option_status(world.phone_number) == "propagated"


def test_a_brand_that_loses_its_verification_fails_what_waits(world: World, worker: Worker) -> None:
    world.campaign.carrier_status = CarrierStatus.PENDING
    world.campaign.save()
    attach(world.phone_number, world.campaign)
    world.brand.identity_status = IdentityStatus.UNVERIFIED
    world.brand.save()
    worker.run()
    assert (line_option_status(world.phone_number), entries(world.phone_number)[0]["failure_code"]) == (
        "failed", "BRAND_NOT_VERIFIED",
    )  # fmt: skip


def test_a_detach_expires(world: World, worker: Worker, simulator: SimulatorServer, log_lines: LogLines) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    simulator.faults = Faults(failures=1)
    simulator.chance.reason = lambda: "campaign_not_ready"  # type: ignore[method-assign]
    detach(world.phone_number)
    worker.run()
    assert (line_option_status(world.phone_number), expire_waiting()) == ("removing", 0)
    _age(days=15)
    assert expire_waiting() == 1
    assert (line_option_status(world.phone_number), entries(world.phone_number)[1]["failure_code"]) == (
        "failed",
        "DETACH_EXPIRED",
    )
    simulator.faults = Faults()
    retry_propagation(organization_id=world.organization.id, phone_number_id=world.phone_number.id)
    worker.settle()
    assert line_option_status(world.phone_number) is None


def test_a_campaign_that_is_never_ready_fails(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(failures=1)
    simulator.chance.reason = lambda: "campaign_not_ready"  # type: ignore[method-assign]
    attach(world.phone_number, world.campaign)
    worker.run()
    assert line_option_status(world.phone_number) == "pending"
    _age(days=61)
    hurry()
    worker.run()
    assert (line_option_status(world.phone_number), entries(world.phone_number)[0]["failure_code"]) == (
        "failed", "CAMPAIGN_NOT_READY",
    )  # fmt: skip


def test_what_is_superseded_while_it_waits_ends(world: World, worker: Worker, log_lines: LogLines) -> None:
    world.campaign.carrier_status = CarrierStatus.PENDING
    world.campaign.save()
    attach(world.phone_number, world.campaign)
    attach(world.phone_number, world.other_campaign)
    worker.settle()
    assert current_stats().unsettled["approval"] == 0
    expire_waiting()
    assert statuses(world.phone_number) == ["superseded", "propagated"]
    assert [line["outcome"] for line in log_lines if line["event"] == "propagation.recorded"] == [
        "propagated",
        "superseded",
    ]


def _hand_over(number: PhoneNumber, organization: Organization | None) -> PhoneNumber:
    PhoneNumber.objects.filter(id=number.id).update(
        organization=organization, state=NumberState.AVAILABLE if organization is None else NumberState.ASSIGNED
    )
    return PhoneNumber.objects.get(id=number.id)


@pytest.fixture
def failed_detach(world: World, worker: Worker) -> PhoneNumber:
    """A number whose carrier has refused its detach."""
    attach(world.phone_number, world.campaign)
    worker.run()
    detached = detach(world.phone_number)
    assert detached.current_attachment_id is not None
    fail_attachment(detached.current_attachment_id)
    return detached


@pytest.mark.parametrize("way", ["command", "admin"])
@pytest.mark.parametrize("owner", ["stock", "other tenant"])
def test_an_operator_retries_wherever_the_number_is_now(
    world: World, worker: Worker, simulator: SimulatorServer, failed_detach: PhoneNumber, way: str, owner: str
) -> None:
    number = _hand_over(failed_detach, None if owner == "stock" else world.stranger.organization)
    if way == "command":
        said = StringIO()
        call_command("retry_propagation", stdout=said)
        assert said.getvalue() == "1 retried\n"
    else:
        response = operate(sign_in(superuser=True), "retry_selected", number)
        assert outcomes(response) == [(number.number, "sent again", "")]
    worker.settle()
    assert simulator.store.numbers() == {}
    assert line_option_status(number) is None


def test_a_new_tenant_sees_nothing_of_its_predecessor(
    world: World, worker: Worker, simulator: SimulatorServer, failed_detach: PhoneNumber
) -> None:
    number = _hand_over(failed_detach, world.stranger.organization)
    assert line_option_status(number) is None
    with pytest.raises(NotFailed):
        retry_propagation(organization_id=world.stranger.organization.id, phone_number_id=number.id)
    call_command("retry_propagation", stdout=StringIO())
    simulator.faults = Faults(failures=1)
    simulator.chance.reason = lambda: "rejected"  # type: ignore[method-assign]
    worker.settle()
    assert statuses(number)[-1] == "failed"
    assert line_option_status(number) is None, "Neither while it is sent nor when it fails again."


def test_a_row_that_the_command_could_not_send_is_exit_code_1(
    world: World, monkeypatch: pytest.MonkeyPatch, worker: Worker
) -> None:
    fail_propagation(world.phone_number, world.campaign)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    copy = connection.copy()
    copy.set_autocommit(False)
    try:
        with copy.cursor() as cursor:
            cursor.execute("SELECT 1 FROM numbers_phonenumber WHERE id = %s FOR UPDATE", [world.phone_number.id])
        said = StringIO()
        with pytest.raises(CommandError, match="1 could not be retried"):
            call_command("retry_propagation", stdout=StringIO(), stderr=said)
        assert world.phone_number.number in said.getvalue()
    finally:
        copy.rollback()
        copy.close()
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


def test_one_stuck_order_hides_no_other_from_the_metrics(
    world: World, worker: Worker, stuck: CarrierOrder, simulator: SimulatorServer
) -> None:
    _age(days=5)
    CarrierOrder.objects.update(created_at=timezone.now() - timedelta(days=5))
    attach(world.stranger.phone_number, world.stranger.campaign)
    stats = current_stats()
    assert stats.overdue_orders == 1
    assert stats.oldest_by["worker"] is not None
    assert timezone.now() - stats.oldest_by["worker"] < timedelta(hours=1)
    assert stats.oldest_by["carrier"] is not None
    assert timezone.now() - stats.oldest_by["carrier"] > timedelta(days=4)
