"""Statistics of propagation, for operators and for Prometheus.

All but `numbers_by_status` cost what is in progress, not what there is: each count is one partial index.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, Count, F, Max, Min, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, Now
from procrastinate.contrib.django.models import ProcrastinateWorker

from agentmessage.db.session import database_now
from phone_numbers.models import AttachmentStatus, CampaignAttachment, NumberState, PhoneNumber
from propagation.models import CarrierOrder, CarrierReading

MINUTES = (1, 60)
_SILENT_AFTER = timedelta(seconds=30)
_WAITS_FOR = {
    "worker": Q(next_attempt_at__lte=Now()),
    "carrier": Q(status=AttachmentStatus.SUBMITTED),
    "retry": Q(next_attempt_at__gt=Now()),
    "approval": Q(
        next_attempt_at__isnull=True,
        status=AttachmentStatus.PENDING,
        # One that was superseded while it waited is closed within minutes.
        phone_number__current_attachment_id=F("id"),
    ),
}


@dataclass(frozen=True, slots=True)
class Rate:
    """What ended within the last minutes."""

    minutes: int
    succeeded: int
    failed: int
    orders: int


@dataclass(frozen=True, slots=True)
class Stats:
    """The state of propagation now."""

    at: datetime
    """The time by the database's clock, to which the other times are compared."""
    unsettled: dict[str, int]
    """Attachments by what they wait for: a worker, the carrier, the next attempt, the campaign's approval."""
    oldest: datetime | None
    """When the oldest attachment was recorded that is unsettled and does not wait for an approval."""
    failures: dict[str, int]
    """Numbers whose propagation has failed, by code."""
    open_orders: int
    overdue_orders: int
    """Orders that have been open for more than a day."""
    oldest_by: dict[str, datetime | None]
    """As `oldest`, by what they wait for: one order that never ends hides none of the others."""
    rates: tuple[Rate, ...]

    def seconds_since(self, moment: datetime | None) -> float:
        """Return how long ago that was by the database's clock; 0 if it was never."""
        return 0.0 if moment is None else (self.at - moment).total_seconds()


def current_stats(account: str | None = None) -> Stats:
    """Return the statistics of one account, or of all together, read from the rows themselves."""
    own = Q() if account is None else Q(carrier=account)
    unsettled: dict[str, int] = {}
    oldest_by: dict[str, datetime | None] = {}
    for waits_for, condition in _WAITS_FOR.items():
        since = Min(Coalesce("resumed_at", "created_at"))
        row = CampaignAttachment.objects.filter(condition, own).aggregate(count=Count("*"), oldest=since)
        unsettled[waits_for] = row["count"]
        oldest_by[waits_for] = row["oldest"]
    open_orders = CarrierOrder.objects.filter(own, ended_at__isnull=True)
    return Stats(
        at=database_now(),
        unsettled=unsettled,
        oldest=min((at for waits_for, at in oldest_by.items() if at and waits_for != "approval"), default=None),
        failures=_failures_by_code(own),
        open_orders=open_orders.count(),
        overdue_orders=open_orders.filter(created_at__lt=Now() - timedelta(days=1)).count(),
        oldest_by=oldest_by,
        rates=tuple(_rate(minutes, own) for minutes in MINUTES),
    )


def accounts_in_use() -> list[str]:
    """Return the configured accounts, and those that have been removed and have failures left."""
    failed = CampaignAttachment.objects.filter(status=AttachmentStatus.FAILED)
    removed = failed.exclude(carrier__in=list(settings.CARRIERS)).order_by("carrier").values_list("carrier", flat=True)
    return [*settings.CARRIERS, *removed.distinct()]


def worker_heartbeats() -> tuple[int, datetime | None]:
    """Count the workers that have reported in the last 30 seconds, and return the newest report of any worker.

    A worker reports every ten seconds. One that is killed stays listed, and one that stops in order does not.
    """
    recent = Q(last_heartbeat__gte=Now() - _SILENT_AFTER)
    row = ProcrastinateWorker.objects.aggregate(workers=Count("id", filter=recent), newest=Max("last_heartbeat"))
    return row["workers"], row["newest"]


def numbers_by_status() -> dict[str, int]:
    """Count all numbers by `carrier_line_option_status`, "none" for null, or as "lost". Reads every number there is."""
    status = Case(
        When(state=NumberState.LOST, then=Value("lost")),
        default=Coalesce("carrier_line_option_status", Value("none")),
    )
    return dict(PhoneNumber.objects.order_by().values_list(status).annotate(count=Count("*")))


def _failures_by_code(own: Q) -> dict[str, int]:
    failed = CampaignAttachment.objects.filter(
        own, status=AttachmentStatus.FAILED, phone_number__current_attachment_id=F("id")
    )
    counts = failed.values_list("failure_code").annotate(count=Count("*")).order_by("-count", "failure_code")
    return {str(code): count for code, count in counts}


def last_readings() -> QuerySet[CarrierReading]:
    """Return the last that has ended of each account and subject, of those that were about all organizations."""
    ended = CarrierReading.objects.filter(ended_at__isnull=False, organization__isnull=True)
    return ended.order_by("carrier", "subject", "-started_at").distinct("carrier", "subject")


def _rate(minutes: int, own: Q) -> Rate:
    ended = CarrierOrder.objects.filter(own, ended_at__gt=Now() - timedelta(minutes=minutes))
    return Rate(
        minutes,
        **ended.aggregate(
            succeeded=Coalesce(Sum("succeeded"), 0), failed=Coalesce(Sum("failed"), 0), orders=Count("*")
        ),
    )
