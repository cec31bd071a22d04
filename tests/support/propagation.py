"""A worker for tests: the rounds and jobs of `propagation.tasks`, one after the other in this process."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Self, TypeVar
from uuid import UUID

from django.db import connection

from accounts.actors import Actor
from campaigns.models import Campaign
from carriers.base import (
    AssignmentPage,
    CampaignApproval,
    CampaignDecision,
    Carrier,
    Deadline,
    OrderReport,
    OrderRequest,
)
from carriers.http import HttpCarrier
from carriers.simulated.faults import Clock
from phone_numbers.failures import FailureCode
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.attach import attach_campaign, detach_campaign
from propagation.services.calling import RateLimiter, carrier_of
from propagation.services.dispatch import Round, run_round
from propagation.services.record import AttachmentFailure, record_unsent
from propagation.services.send import process_order

T = TypeVar("T")

ACTOR = Actor.for_command("test")
HOUR = 3600.0
# What `settle` settles takes a handful of rounds, on any machine: the clocks are moved between them.
MOST_ROUNDS = 10


class Worker:
    """Works against a carrier, round by round. `clock` is the carrier's, if it has one that can be moved."""

    def __init__(self, carrier: Carrier, *, clock: Clock | None = None, open_orders: int = 0) -> None:
        self.carrier = carrier
        self.clock = clock
        self.rate_limiter = RateLimiter(carrier.name, 0)
        self.open_orders = open_orders
        self.jobs: list[tuple[Sequence[UUID], datetime]] = []

    def claim(self) -> Round:
        """One round: what is due becomes jobs."""
        return run_round(
            carrier=self.carrier,
            rate_limiter=self.rate_limiter,
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

    def settle(self) -> None:
        """Run rounds until nothing is open. Between two of them an hour passes at the carrier, and all is due here."""
        for _ in range(MOST_ROUNDS):
            self.run()
            if not is_anything_open():
                return
            self.skip_waiting()
        raise AssertionError(f"Not settled after {MOST_ROUNDS} rounds.")

    def skip_waiting(self) -> None:
        """Make due whatever only waits for its time: here, and at the carrier whatever takes up to an hour."""
        hurry()
        if self.clock is not None:
            self.clock.advance(HOUR)


def decision(approval: CampaignApproval | None) -> CampaignDecision | None:
    """The one decision; None if the carrier does not know the campaign."""
    return None if approval is None else approval.decision


def hurry() -> None:
    """Make due whatever only waits for its time here, leases of dead workers and pauses included."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE propagation_carrierorder SET next_poll_at = now() WHERE ended_at IS NULL")
        cursor.execute(
            "UPDATE numbers_campaignattachment SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL"
        )
        cursor.execute("UPDATE propagation_carrierratelimit SET next_at = now(), paused_until = NULL")


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


def propagated_at(account: str, number: PhoneNumber, campaign: Campaign) -> PhoneNumber:
    """The number on the campaign, and the account has it."""
    PhoneNumber.objects.filter(id=number.id).update(carrier=account)
    number.refresh_from_db()
    attach(number, campaign)
    Worker(carrier_of(account)).settle()
    assert line_option_status(number) == "propagated"
    return number


def line_option_status(phone_number: PhoneNumber) -> str | None:
    """The number's status at the carrier."""
    phone_number.refresh_from_db()
    return phone_number.carrier_line_option_status


def entries(phone_number: PhoneNumber) -> list[dict[str, Any]]:
    """The number's history, oldest first."""
    rows = CampaignAttachment.objects.filter(phone_number=phone_number).order_by("created_at")
    fields = ("status", "attempts", "failure_code", "failure_carrier_code", "campaign_id", "next_attempt_at")
    return [{field: getattr(row, field) for field in fields} for row in rows]


def statuses(phone_number: PhoneNumber) -> list[str]:
    """The status of each entry of its history, oldest first."""
    return [entry["status"] for entry in entries(phone_number)]


def fail_propagation(phone_number: PhoneNumber, campaign: Campaign, code: FailureCode = FailureCode.REJECTED) -> None:
    """Attaches the number, and the carrier refuses it."""
    attached = attach(phone_number, campaign)
    assert attached.current_attachment_id is not None
    fail_attachment(attached.current_attachment_id, code)


def fail_attachment(attachment_id: UUID, code: FailureCode = FailureCode.REJECTED) -> None:
    """The carrier refuses the attachment."""
    failure = AttachmentFailure(code, "The campaign does not take this number.", "12128")
    record_unsent({attachment_id: failure})


class Meanwhile(HttpCarrier):
    """A carrier during whose calls something else happens once: after it has acted, before the answer arrives."""

    def __init__(self, carrier: Carrier, happens: Callable[[], None]) -> None:
        self.name, self.batch_size, self.lookup_size = carrier.name, carrier.batch_size, carrier.lookup_size
        self.page_size, self.page_step = carrier.page_size, carrier.page_step
        self.number_types = carrier.number_types
        self._carrier, self._happens = carrier, [happens]

    def until(self, deadline: Deadline) -> Self:
        """Share what happens."""
        bound = type(self)(self._carrier.until(deadline), lambda: None)
        bound._happens = self._happens
        return bound

    def submit(self, order: OrderRequest) -> OrderReport:
        """Answer as the carrier does."""
        return self._after(self._carrier.submit(order))

    def find(self, order: OrderRequest) -> OrderReport | None:
        """Answer as the carrier does."""
        return self._after(self._carrier.find(order))

    def assignments(self, numbers: Sequence[str]) -> Iterator[tuple[str, str | None]]:
        """Answer as the carrier does."""
        yield from self._after(list(self._carrier.assignments(numbers)))

    def assignment_pages(self, position: int = 0) -> Iterator[AssignmentPage]:
        """Answer as the carrier does."""
        yield from self._after(list(self._carrier.assignment_pages(position)))

    def holdings(self, numbers: Sequence[str]) -> Iterator[tuple[str, bool]]:
        """Answer as the carrier does."""
        yield from self._after(list(self._carrier.holdings(numbers)))

    def campaign_status(self, tcr_campaign_id: str, *, tcr_brand_id: str | None = None) -> CampaignApproval | None:
        """Answer as the carrier does."""
        return self._after(self._carrier.campaign_status(tcr_campaign_id, tcr_brand_id=tcr_brand_id))

    def tcr_campaign_ids(self, *, campaign_id: str | None, brand_id: str | None) -> Sequence[str]:
        """Answer as the carrier does."""
        return self._after(self._carrier.tcr_campaign_ids(campaign_id=campaign_id, brand_id=brand_id))

    def close(self) -> None:
        """Close the carrier."""
        self._carrier.close()

    def _after(self, answer: T) -> T:
        while self._happens:
            self._happens.pop()()
        return answer
