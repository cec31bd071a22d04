"""Compare what the numbers' rows want with what the carrier reports, and correct the drift.

Only settled numbers are compared: one that is pending, removing or failed is known to differ. A worker corrects drift
by telling the carrier again, so everything that holds for a propagation holds for a correction.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from accounts.actors import Actor
from campaigns.models import Campaign
from carriers.base import Carrier, CarrierRefused, CarrierUnavailable, Deadline
from phone_numbers.models import LineOptionStatus, NumberState, PhoneNumber
from phone_numbers.services.assignment import move_to_campaign
from phone_numbers.services.locking import lock_phone_number
from phone_numbers.services.release import record_loss
from phone_numbers.services.retry import requeue
from phone_numbers.services.transitions import Cause
from propagation.models import CarrierAnswer, CarrierReading
from propagation.services.drift import Extent, measure
from propagation.services.reading import Asker, Reader, end_reading, ignore, open_reading

_BATCH = 1000


class Drift(StrEnum):
    """How the carrier differs from what is recorded here."""

    MISSING = "missing"
    """Attached here, on no campaign at the carrier."""
    OTHER_CAMPAIGN = "other_campaign"
    """Attached here, on another campaign at the carrier."""
    NOT_OURS = "not_ours"
    """On a campaign at the carrier, on none here."""
    LOST = "lost"
    """Attached here, no longer at the carrier at all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One number that differs. `reason` says why it was left; None: a worker will notify the carrier again."""

    organization_id: UUID
    phone_number_id: UUID
    number: str
    attachment_id: UUID | None
    drift: Drift
    wanted: str | None
    found: str | None
    reason: str | None = None


@dataclass(slots=True)
class Report:
    """What a run has found. `unknown`: the carrier said nothing of them; `unreadable`: its answers made no sense."""

    extent: Extent
    unknown: int
    unreadable: int
    counts: Counter[Drift] = field(default_factory=Counter)
    left: int = 0


def reconcile(
    *,
    carrier: Carrier,
    actor: Actor,
    organization_id: UUID | None = None,
    dry_run: bool = False,
    force: bool = False,
    since: datetime | None = None,
    deadline: Deadline | None = None,
    on_finding: Callable[[Finding], object] = ignore,
    progress: Callable[[int], object] = ignore,
) -> Report | None:
    """Reconcile the account's numbers, of one organization or of all. None if a run was started at or after `since`.

    It may be interrupted and run again: it continues where it stopped. If more differs than a run corrects, nothing is
    changed without `force`. `on_finding` is called with each number that differs, `progress` with how many were read.
    Raises OutOfTime, TooManyErrors, ReadingTaken.
    """
    reading = open_reading(
        CarrierReading.Subject.NUMBERS, carrier, organization_id=organization_id, is_dry_run=dry_run, since=since
    )
    if reading is None:
        return None
    asker = Asker(deadline)
    Reader(reading, carrier, asker, progress).read()
    comparable = _comparable(reading)
    extent = measure(comparable, Q(drift__isnull=False), organization="phone_number__organization_id")
    report = Report(extent, unknown=reading.answers.filter(is_known=False).count(), unreadable=reading.unreadable)
    is_stopped = extent.excess is not None and not force
    kept = "dry run" if dry_run else "too many differ; see --force" if is_stopped else None
    for finding in _findings(comparable):
        asker.check_time()
        if finding.drift is Drift.MISSING and not is_stopped and _is_lost(finding, carrier, asker):
            finding = replace(finding, drift=Drift.LOST)  # noqa: PLW2901  (The same, known better.)
        done = replace(finding, reason=kept or _correct(finding, actor, account=carrier.name))
        report.counts[done.drift] += 1
        report.left += done.reason is not None
        on_finding(done)
    end_reading(reading, extent, is_forced=force)
    return report


def _comparable(reading: CarrierReading) -> QuerySet[Any]:
    """Return the answers about settled numbers that have not changed since the carrier was asked."""
    is_attached = Q(phone_number__carrier_line_option_status=LineOptionStatus.PROPAGATED)
    wanted = F("phone_number__campaign__tcr_campaign_id")
    is_detached = Q(phone_number__carrier_line_option_status__isnull=True)
    return CarrierAnswer.objects.filter(
        is_attached | is_detached,
        ~Q(phone_number__state=NumberState.LOST),
        reading=reading,
        is_known=True,
        phone_number__organization__isnull=False,
        phone_number__updated_at__lt=F("asked_at"),
    ).annotate(
        wanted=wanted,
        drift=Case(
            When(is_attached, answer__isnull=True, then=Value(Drift.MISSING)),
            When(is_attached & ~Q(answer=wanted), then=Value(Drift.OTHER_CAMPAIGN)),
            When(is_detached, answer__isnull=False, then=Value(Drift.NOT_OURS)),
        ),
    )


def _findings(comparable: QuerySet[Any]) -> Iterator[Finding]:
    columns = ("organization_id", "id", "number", "current_attachment_id")
    rows = comparable.filter(drift__isnull=False).order_by("phone_number_id")
    after = UUID(int=0)
    while batch := rows.filter(phone_number_id__gt=after).values_list(
        *(f"phone_number__{column}" for column in columns), "drift", "wanted", "answer"
    )[:_BATCH]:
        for organization_id, phone_number_id, number, attachment_id, drift, wanted, found in batch:
            after = phone_number_id
            yield Finding(organization_id, phone_number_id, number, attachment_id, Drift(drift), wanted, found)


def _is_lost(finding: Finding, carrier: Carrier, asker: Asker) -> bool:
    """Whether the carrier says that it no longer has the number. Raises OutOfTime, TooManyErrors."""
    try:
        holdings = asker.ask(lambda: dict(carrier.holdings([finding.number])))
    except (CarrierRefused, CarrierUnavailable) as error:
        asker.count_error(error)
        return False
    return holdings.get(finding.number) is False


def _correct(finding: Finding, actor: Actor, *, account: str) -> str | None:
    """Return why the number was left unchanged; None if it is corrected."""
    if finding.drift is Drift.LOST:
        return None if record_loss(number=finding.number, account=account) else "changed meanwhile"
    is_detach = finding.drift is Drift.NOT_OURS
    with transaction.atomic(durable=True):
        phone_number = _lock_unchanged(finding, None if is_detach else LineOptionStatus.PROPAGATED)
        if phone_number is None or (not is_detach and phone_number.current_attachment_id is None):
            return "changed meanwhile"
        if is_detach:
            # History says which campaign the number left, if that is one of the same organization.
            phone_number.campaign = Campaign.objects.filter(
                organization_id=finding.organization_id, tcr_campaign_id=finding.found
            ).first()
            move_to_campaign(phone_number, campaign=None, actor=actor)
        else:
            requeue(phone_number, cause=Cause.RECONCILE)
    return None


def _lock_unchanged(finding: Finding, status: LineOptionStatus | None) -> PhoneNumber | None:
    phone_number = lock_phone_number(organization_id=finding.organization_id, phone_number_id=finding.phone_number_id)
    if (
        phone_number is None
        or phone_number.current_attachment_id != finding.attachment_id
        or phone_number.carrier_line_option_status != status
    ):
        return None
    return phone_number
