"""Compares what the numbers' rows want with what the carrier reports, and mends the difference.

Only what has settled is compared: a number that is pending, removing or failed is known to differ. Mending means that a
worker tells the carrier once more, so everything that holds for a propagation holds for it too.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts.actors import Actor
from campaigns.models import Campaign
from phone_numbers.carriers.protocol import Carrier
from phone_numbers.models import AttachmentStatus, CampaignAttachment, LineOptionStatus, PhoneNumber
from phone_numbers.services.assignment import MOVED_FIELDS, moment_after
from phone_numbers.services.locking import lock_phone_number
from phone_numbers.services.propagation.patience import ask_patiently

BATCH = 1000

_SETTLED = """
SELECT p.id, p.organization_id, p.number, p.current_attachment_id, c.tcr_campaign_id
FROM numbers_phonenumber p
LEFT JOIN campaigns_campaign c ON c.id = p.campaign_id
WHERE p.id > %s AND p.organization_id IS NOT NULL AND (%s::uuid IS NULL OR p.organization_id = %s)
  AND (p.carrier_line_option_status = 'propagated' OR p.carrier_line_option_status IS NULL)
ORDER BY p.id
LIMIT %s
"""


class Drift(StrEnum):
    """How here and there differ."""

    MISSING = "missing"
    """Attached here, on no campaign there."""
    OTHER_CAMPAIGN = "other_campaign"
    """Attached here, on another campaign there."""
    NOT_OURS = "not_ours"
    """On a campaign there, on none here."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One number that differs. `mended`: a worker will tell the carrier; else `reason` says why not."""

    organization_id: UUID
    phone_number_id: UUID
    number: str
    drift: Drift
    wanted: str | None
    found: str | None
    mended: bool = False
    reason: str | None = None


@dataclass(slots=True)
class Report:
    """What a run has seen so far."""

    checked: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[Drift] = field(default_factory=Counter)

    @property
    def left(self) -> int:
        """How many were not mended."""
        return sum(not finding.mended for finding in self.findings)


@dataclass(frozen=True, slots=True)
class _Settled:
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
    """Goes through the numbers of one organization, or of all, in batches; may be interrupted and run again.

    Takes at most `max_detach_share` of an organization's numbers off campaigns, and one at least; more with `force`.
    Raises CarrierRefused, and CarrierUnavailable if the carrier stays away for some minutes.
    """
    report = Report()
    allowance = _Allowance(max_detach_share, force=force)
    for batch in _batches(organization_id):
        found = _ask(carrier, [row.number for row in batch])
        for row in batch:
            drift = _compare(row, found)
            if drift is None:
                continue
            finding = Finding(
                row.organization_id, row.phone_number_id, row.number, drift, row.wanted, found[row.number]
            )
            report.counts[drift] += 1
            report.findings.append(_mend(finding, row, actor, allowance, dry_run=dry_run))
        report.checked += len(batch)
        if progress is not None:
            progress(report)
    return report


def _batches(organization_id: UUID | None) -> Iterator[Sequence[_Settled]]:
    after = UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_SETTLED, [after, organization_id, organization_id, BATCH])
            batch = [_Settled(*row) for row in cursor.fetchall()]
        if not batch:
            return
        yield batch
        after = batch[-1].phone_number_id


def _ask(carrier: Carrier, numbers: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}

    def ask() -> None:
        # What has been answered need not be asked for again.
        found.update(carrier.assignments([number for number in numbers if number not in found]))

    ask_patiently(ask)
    return found


def _compare(row: _Settled, found: dict[str, str | None]) -> Drift | None:
    if row.number not in found or found[row.number] == row.wanted:
        return None
    if row.wanted is None:
        return Drift.NOT_OURS
    return Drift.MISSING if found[row.number] is None else Drift.OTHER_CAMPAIGN


class _Allowance:
    """How many numbers each organization may still lose in this run."""

    def __init__(self, share: float, *, force: bool) -> None:
        self._share = share
        self._force = force
        self._left: dict[UUID, int] = {}

    def take(self, organization_id: UUID) -> bool:
        """One more; False if it is one too many."""
        if self._force:
            return True
        if organization_id not in self._left:
            numbers = PhoneNumber.objects.filter(organization_id=organization_id).count()
            self._left[organization_id] = max(int(numbers * self._share), 1)
        self._left[organization_id] -= 1
        return self._left[organization_id] >= 0


def _mend(finding: Finding, row: _Settled, actor: Actor, allowance: _Allowance, *, dry_run: bool) -> Finding:
    reason: str | None
    if finding.drift is Drift.NOT_OURS and not allowance.take(row.organization_id):
        reason = "over the share that one run may detach; see --force"
    elif dry_run:
        reason = "dry run"
    elif finding.drift is Drift.NOT_OURS:
        reason = None if _detach_there(row, finding.found, actor) else "changed meanwhile"
    else:
        reason = None if _attach_there_again(row) else "changed meanwhile"
    return Finding(
        finding.organization_id,
        finding.phone_number_id,
        finding.number,
        finding.drift,
        finding.wanted,
        finding.found,
        mended=reason is None,
        reason=reason,
    )


def _attach_there_again(row: _Settled) -> bool:
    with transaction.atomic(durable=True):
        phone_number = _still_the_same(row, LineOptionStatus.PROPAGATED)
        if phone_number is None or row.attachment_id is None:
            return False
        CampaignAttachment.objects.filter(id=row.attachment_id).update(
            status=AttachmentStatus.PENDING, attempts=0, next_attempt_at=timezone.now(), propagated_at=None
        )
        phone_number.carrier_line_option_status = LineOptionStatus.PENDING
        phone_number.carrier_line_option_propagated_at = None
        phone_number.updated_at = moment_after(phone_number.updated_at)
        phone_number.save(
            update_fields=["carrier_line_option_status", "carrier_line_option_propagated_at", "updated_at"]
        )
    return True


def _detach_there(row: _Settled, found: str | None, actor: Actor) -> bool:
    with transaction.atomic(durable=True):
        phone_number = _still_the_same(row, None)
        if phone_number is None:
            return False
        moved_at = moment_after(phone_number.updated_at)
        # The number was not ours to detach, so there is no campaign it came from, unless it is one of the same tenant.
        previous = Campaign.objects.filter(organization_id=row.organization_id, tcr_campaign_id=found).first()
        phone_number.current_attachment = CampaignAttachment.objects.create(
            organization_id=row.organization_id,
            phone_number_id=phone_number.id,
            campaign=None,
            previous_campaign=previous,
            actor_kind=actor.kind,
            actor_id=actor.id,
            request_id=actor.request_id,
            created_at=moved_at,
            next_attempt_at=moved_at,
        )
        phone_number.carrier_line_option_status = LineOptionStatus.REMOVING
        phone_number.updated_at = moved_at
        phone_number.save(update_fields=MOVED_FIELDS)
    return True


def _still_the_same(row: _Settled, status: LineOptionStatus | None) -> PhoneNumber | None:
    phone_number = lock_phone_number(organization_id=row.organization_id, phone_number_id=row.phone_number_id)
    if (
        phone_number is None
        or phone_number.current_attachment_id != row.attachment_id
        or phone_number.carrier_line_option_status != status
    ):
        return None
    return phone_number
