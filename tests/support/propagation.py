"""A worker for tests: the rounds and jobs of `propagation.tasks`, one after the other in this process."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.actors import Actor
from campaigns.models import Campaign
from carriers.base import Carrier
from phone_numbers.failures import FailureCode
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.attach import attach_campaign, detach_campaign
from propagation.services.calling import RateLimiter
from propagation.services.dispatch import Round, run_round
from propagation.services.record import AttachmentFailure, record_failures
from propagation.services.send import process_order

ACTOR = Actor.for_command("test")


class Worker:
    """Works against a carrier, round by round."""

    def __init__(self, carrier: Carrier, *, open_orders: int = 0) -> None:
        self.carrier = carrier
        self.rate_limiter = RateLimiter(carrier.name, 0)
        self.open_orders = open_orders
        self.jobs: list[tuple[Sequence[UUID], datetime]] = []

    def claim(self) -> Round:
        """One round: what is due becomes jobs."""
        return run_round(
            carrier=self.carrier,
            open_orders=self.open_orders,
            defer=lambda order_ids, lease: self.jobs.append((order_ids, lease)),
            backlog=lambda: 0,
            max_jobs=1000,
        )

    def work(self) -> None:
        """All jobs."""
        while self.jobs:
            order_ids, lease = self.jobs.pop(0)
            for order_id in order_ids:
                process_order(order_id=order_id, lease=lease, carrier=self.carrier, rate_limiter=self.rate_limiter)

    def run(self) -> None:
        """One round and its jobs."""
        self.claim()
        self.work()

    def settle(self, *, rounds: int = 100) -> None:
        """Rounds until nothing is open, without the waiting between them."""
        for _ in range(rounds):
            self.run()
            if not is_anything_open():
                return
            hurry()
        raise AssertionError(f"Not settled after {rounds} rounds.")


def hurry() -> None:
    """Makes due whatever only waits for its time, leases of dead workers among it."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE propagation_carrierorder SET next_poll_at = now() WHERE ended_at IS NULL")
        cursor.execute(
            "UPDATE numbers_campaignattachment SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL"
        )


def is_anything_open() -> bool:
    """Whether an order is open or an attachment due, now or later."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM propagation_carrierorder WHERE ended_at IS NULL)"
            " OR EXISTS (SELECT 1 FROM numbers_campaignattachment WHERE next_attempt_at IS NOT NULL)"
        )
        return bool(cursor.fetchone()[0])


def attach(phone_number: PhoneNumber, campaign: Campaign) -> PhoneNumber:
    """The number on the campaign, as the API does it."""
    assert phone_number.organization_id is not None
    return attach_campaign(
        organization_id=phone_number.organization_id,
        phone_number_id=phone_number.id,
        campaign_id=campaign.id,
        actor=ACTOR,
    )


def detach(phone_number: PhoneNumber) -> PhoneNumber:
    """The number off its campaign."""
    assert phone_number.organization_id is not None
    detached, _ = detach_campaign(
        organization_id=phone_number.organization_id, phone_number_id=phone_number.id, actor=ACTOR
    )
    return detached


def standing(phone_number: PhoneNumber) -> str | None:
    """What the number's row says of the carrier now."""
    phone_number.refresh_from_db()
    return phone_number.carrier_line_option_status


def entries(phone_number: PhoneNumber) -> list[dict[str, Any]]:
    """The number's history, oldest first."""
    rows = CampaignAttachment.objects.filter(phone_number=phone_number).order_by("created_at")
    fields = ("status", "attempts", "failure_code", "failure_carrier_code", "campaign_id", "next_attempt_at")
    return [{field: getattr(row, field) for field in fields} for row in rows]


def statuses(phone_number: PhoneNumber) -> list[str]:
    """How each entry of its history stands, oldest first."""
    return [entry["status"] for entry in entries(phone_number)]


def fail_propagation(phone_number: PhoneNumber, campaign: Campaign, code: FailureCode = FailureCode.REJECTED) -> None:
    """Attaches the number, and the carrier refuses it."""
    attached = attach(phone_number, campaign)
    assert attached.current_attachment_id is not None
    fail_attachment(attached.current_attachment_id, code)


def fail_attachment(attachment_id: UUID, code: FailureCode = FailureCode.REJECTED) -> None:
    """The carrier refuses the attachment."""
    failure = AttachmentFailure(code, "The campaign does not take this number.", "12128")
    record_failures({attachment_id: failure})
