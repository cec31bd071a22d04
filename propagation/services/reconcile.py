"""Compare what the numbers' rows want with what the carrier reports, and correct the drift.

Only settled numbers are compared: one that is pending, removing or failed is known to differ. A worker corrects drift
by telling the carrier again, so everything that holds for a propagation holds for a correction.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.actors import Actor
from campaigns.models import Campaign
from carriers.base import Carrier
from phone_numbers.models import LineOptionStatus, PhoneNumber
from phone_numbers.services.assignment import move_to_campaign
from phone_numbers.services.locking import lock_phone_number
from phone_numbers.services.retry import requeue
from phone_numbers.services.transitions import Cause
from propagation.services.calling import call_with_retries

BATCH = 1000


class Drift(StrEnum):
    """How the carrier differs from what is recorded here."""

    MISSING = "missing"
    """Attached here, on no campaign at the carrier."""
    OTHER_CAMPAIGN = "other_campaign"
    """Attached here, on another campaign at the carrier."""
    NOT_OURS = "not_ours"
    """On a campaign at the carrier, on none here."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One number that differs. `corrected`: a worker will tell the carrier again; otherwise `reason` says why not."""

    organization_id: UUID
    phone_number_id: UUID
    number: str
    drift: Drift
    wanted: str | None
    found: str | None
    corrected: bool = False
    reason: str | None = None


@dataclass(slots=True)
class Report:
    """What a run has found so far."""

    checked: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[Drift] = field(default_factory=Counter)

    @property
    def left(self) -> int:
        """How many were not corrected."""
        return sum(not finding.corrected for finding in self.findings)


class _Settled(NamedTuple):
    phone_number_id: UUID
    organization_id: UUID
    number: str
    attachment_id: UUID | None
    wanted: str | None


def reconcile(
    *,
    carrier: Carrier,
    actor: Actor,
    max_detach_share: float,
    organization_id: UUID | None = None,
    dry_run: bool = False,
    force: bool = False,
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """Reconcile the account's numbers, of one organization or of all, in batches. It may be interrupted and run again.

    Takes at most `max_detach_share` of an organization's numbers off campaigns, but at least one; more with `force`.
    Raises CarrierRefused, and CarrierUnavailable if the carrier stays unavailable for some minutes.
    """
    report = Report()
    allowance = _Allowance(max_detach_share, force=force)
    for batch in _batches(carrier.name, organization_id):
        found = _assignments(carrier, [row.number for row in batch])
        for row in batch:
            drift = _compare(row, found)
            if drift is None:
                continue
            finding = Finding(
                row.organization_id, row.phone_number_id, row.number, drift, row.wanted, found[row.number]
            )
            report.counts[drift] += 1
            reason = _correct(finding, row, actor, allowance, dry_run=dry_run)
            report.findings.append(replace(finding, corrected=reason is None, reason=reason))
        report.checked += len(batch)
        if progress is not None:
            progress(report)
    return report


def _batches(account: str, organization_id: UUID | None) -> Iterator[Sequence[_Settled]]:
    settled = PhoneNumber.objects.filter(
        Q(carrier_line_option_status=LineOptionStatus.PROPAGATED) | Q(carrier_line_option_status__isnull=True),
        organization_id__isnull=False,
        carrier=account,
    ).order_by("id")
    if organization_id is not None:
        settled = settled.filter(organization_id=organization_id)
    columns = ("id", "organization_id", "number", "current_attachment_id", "campaign__tcr_campaign_id")
    after = UUID(int=0)
    while batch := [_Settled(*row) for row in settled.filter(id__gt=after).values_list(*columns)[:BATCH]]:
        yield batch
        after = batch[-1].phone_number_id


def _assignments(carrier: Carrier, numbers: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}

    def call() -> None:
        # A retry asks only for what has not been answered.
        found.update(carrier.assignments([number for number in numbers if number not in found]))

    call_with_retries(call)
    return found


def _compare(row: _Settled, found: Mapping[str, str | None]) -> Drift | None:
    if row.number not in found or found[row.number] == row.wanted:
        return None
    if row.wanted is None:
        return Drift.NOT_OURS
    return Drift.MISSING if found[row.number] is None else Drift.OTHER_CAMPAIGN


class _Allowance:
    """How many numbers this run may still take off campaigns, per organization."""

    def __init__(self, share: float, *, force: bool) -> None:
        self._share = share
        self._force = force
        self._left: dict[UUID, int] = {}

    def take(self, organization_id: UUID) -> bool:
        """Count one more number. False if it is one too many."""
        if self._force:
            return True
        if organization_id not in self._left:
            numbers = PhoneNumber.objects.filter(organization_id=organization_id).count()
            self._left[organization_id] = max(int(numbers * self._share), 1)
        self._left[organization_id] -= 1
        return self._left[organization_id] >= 0


def _correct(finding: Finding, row: _Settled, actor: Actor, allowance: _Allowance, *, dry_run: bool) -> str | None:
    """Return why the number was left as it is; None if it is corrected."""
    if finding.drift is Drift.NOT_OURS and not allowance.take(row.organization_id):
        return "over the share that one run may detach; see --force"
    if dry_run:
        return "dry run"
    is_corrected = _detach(row, finding.found, actor) if finding.drift is Drift.NOT_OURS else _attach_again(row)
    return None if is_corrected else "changed meanwhile"


def _attach_again(row: _Settled) -> bool:
    with transaction.atomic(durable=True):
        phone_number = _lock_unchanged(row, LineOptionStatus.PROPAGATED)
        if phone_number is None or phone_number.current_attachment_id is None:
            return False
        requeue(phone_number, cause=Cause.RECONCILE)
    return True


def _detach(row: _Settled, found: str | None, actor: Actor) -> bool:
    with transaction.atomic(durable=True):
        phone_number = _lock_unchanged(row, None)
        if phone_number is None:
            return False
        # History says which campaign the number left, if that is one of the same organization.
        phone_number.campaign = Campaign.objects.filter(
            organization_id=row.organization_id, tcr_campaign_id=found
        ).first()
        move_to_campaign(phone_number, campaign=None, actor=actor)
    return True


def _lock_unchanged(row: _Settled, status: LineOptionStatus | None) -> PhoneNumber | None:
    phone_number = lock_phone_number(organization_id=row.organization_id, phone_number_id=row.phone_number_id)
    if (
        phone_number is None
        or phone_number.current_attachment_id != row.attachment_id
        or phone_number.carrier_line_option_status != status
    ):
        return None
    return phone_number
