"""The tasks of `manage.py run_worker`. Jobs carry IDs and read the present state."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued

from accounts.actors import Actor
from agentmessage.db.session import database_now
from campaigns.services import end_suspensions, expire_campaigns
from carriers.base import CarrierRefused, CarrierUnavailable, Deadline, carriers_words
from phone_numbers.models import PhoneNumber
from phone_numbers.services.release import LOSABLE, record_loss
from propagation.services.calling import carrier_of, max_open_orders, rate_limiter_of
from propagation.services.dispatch import run_round
from propagation.services.drift import Extent
from propagation.services.housekeeping import (
    delete_lost_jobs,
    delete_old_orders,
    delete_old_readings,
    expire_orders,
    expire_waiting,
    fail_removed_accounts,
)
from propagation.services.reading import OutOfTime, ReadingTaken, TooManyErrors
from propagation.services.reconcile import Report, reconcile
from propagation.services.record import AttachmentFailure
from propagation.services.send import process_orders_until
from propagation.services.sync import Decision, SyncReport, sync_announcement, sync_campaigns

log = structlog.get_logger(__name__)

QUEUE = "propagation"
# Enough to keep some workers busy until the next round, and few enough that no lease expires in the queue.
MAX_JOBS = 60
# A job takes no further order after this, so that a stopping worker ends soon.
JOB_SECONDS = 15.0
# Long tasks are done in pieces, behind everything that is due: a piece delays the end of a worker for as long.
PIECE_SECONDS = 50.0
BACKGROUND = -10
_NUMBERS_PER_JOB = 100


@app.periodic(cron="* * * * * */2")
@app.task(queue=QUEUE, queueing_lock="propagate", name="propagate", priority=1)
def propagate(timestamp: int) -> None:  # noqa: ARG001  (Procrastinate names the moment; what is due now counts.)
    """Every two seconds, in one worker: turn everything that is due into jobs, one account after the other."""
    close_old_connections()
    for account in settings.CARRIERS:
        try:
            carrier = carrier_of(account)
        except ImproperlyConfigured as error:
            # The other accounts go on.
            log.error("account.unusable", account=account, reason=str(error))  # noqa: TRY400  (One sentence.)
            continue
        run_round(
            carrier=carrier,
            rate_limiter=rate_limiter_of(account),
            open_orders=max_open_orders(account),
            defer=partial(_defer, account),
            backlog=partial(_backlog, account),
            max_jobs=MAX_JOBS,
        )


@app.task(queue=QUEUE, name="process_orders")
def process_orders(account: str, order_ids: list[str], lease: str) -> None:
    """Send or poll these orders, as many as there is time for; the others are due again at once."""
    close_old_connections()
    process_orders_until(
        [UUID(order_id) for order_id in order_ids],
        lease=datetime.fromisoformat(lease),
        carrier=carrier_of(account),
        rate_limiter=rate_limiter_of(account),
        deadline=Deadline.after(JOB_SECONDS),
    )


@app.periodic(cron="*/5 * * * *")
@app.task(queue=QUEUE, queueing_lock="tidy_up", name="tidy_up")
def tidy_up(timestamp: int) -> None:  # noqa: ARG001  (Procrastinate names the moment; what is due now counts.)
    """Every five minutes: end what has waited for too long, and delete old orders and the jobs of dead workers."""
    close_old_connections()
    fail_removed_accounts()
    expire_orders()
    expire_waiting()
    end_suspensions()
    delete_old_orders()
    delete_old_readings()
    delete_lost_jobs()


@app.periodic(cron="0 * * * *")
@app.task(queue=QUEUE, queueing_lock="expire_campaigns", name="expire_campaigns")
def expire_due_campaigns(timestamp: int) -> None:  # noqa: ARG001
    """At 00:00 UTC: expire campaigns whose last day is over. The runs of the other hours catch up on a missed one."""
    close_old_connections()
    expire_campaigns()


@app.periodic(cron="* * * * *")
@app.task(
    queue=QUEUE, queueing_lock="sync_campaigns", lock="sync_campaigns", priority=BACKGROUND, name="sync_campaigns"
)
def sync_approvals(timestamp: int) -> None:  # noqa: ARG001
    """Every hour, a minute of work at a time: ask the carriers which campaigns they have approved."""
    deadline = Deadline.after(PIECE_SECONDS)
    for account in settings.CARRIERS:
        with _piece("sync", account):
            report = sync_campaigns(
                carrier=carrier_of(account),
                since=_latest(minute=23),
                deadline=deadline,
                on_decision=_log_decision,
            )
            if report is not None:
                log.info("sync.completed", account=account, **_counts(report))
                _log_excess(account, report.extent)


@app.task(queue=QUEUE, lock="sync_campaigns", priority=BACKGROUND, name="sync_announced")
def sync_announced(campaign_id: str | None, brand_id: str | None) -> None:
    """After a carrier's news of a campaign, or of a brand and so of all its campaigns: ask what it has decided."""
    # What is left undone here, the sync of all campaigns does within the hour.
    deadline = Deadline.after(PIECE_SECONDS)
    for account in settings.CARRIERS:
        with _piece("sync after news", account):
            report = sync_announcement(
                carrier=carrier_of(account),
                campaign_id=campaign_id,
                brand_id=brand_id,
                deadline=deadline,
                on_decision=_log_decision,
            )
            _log_excess(account, report.extent)


def announce_campaigns(*, campaign_id: str | None, brand_id: str | None) -> bool:
    """Queue `sync_after_news` unless the same is queued already. Return whether it was queued."""
    lock = f"sync_announced {campaign_id or brand_id}"
    try:
        sync_announced.configure(queueing_lock=lock).defer(campaign_id=campaign_id, brand_id=brand_id)
    except AlreadyEnqueued:
        return False
    return True


@app.task(
    queue=QUEUE,
    priority=BACKGROUND,
    retry=RetryStrategy(max_attempts=8, exponential_wait=5, retry_exceptions=[CarrierUnavailable]),
    name="confirm_losses",
)
def confirm_losses(account: str, numbers: list[str]) -> None:
    """After a carrier's news that numbers are gone: ask, and record it of those that it no longer has."""
    close_old_connections()
    # A job that is repeated leaves out what it has recorded.
    left = PhoneNumber.objects.filter(LOSABLE, number__in=numbers, carrier=account).values_list("number", flat=True)
    for number, is_held in carrier_of(account).holdings(list(left)):
        if not is_held:
            record_loss(number=number, account=account)


def announce_losses(numbers: Sequence[str]) -> int:
    """Queue `confirm_losses` for those of these numbers that are known. Return their number."""
    known: dict[str, list[str]] = defaultdict(list)
    for account, number in PhoneNumber.objects.filter(LOSABLE, number__in=numbers).values_list("carrier", "number"):
        known[account].append(number)
    for account, lost in known.items():
        for start in range(0, len(lost), _NUMBERS_PER_JOB):
            confirm_losses.defer(account=account, numbers=lost[start : start + _NUMBERS_PER_JOB])
    return sum(map(len, known.values()))


@app.periodic(cron="* * * * *")
@app.task(queue=QUEUE, queueing_lock="reconcile", lock="reconcile", priority=BACKGROUND, name="reconcile")
def reconcile_all(timestamp: int) -> None:  # noqa: ARG001
    """Every night, a minute of work at a time: compare with what the carriers report, and correct the drift."""
    deadline = Deadline.after(PIECE_SECONDS)
    for account in settings.CARRIERS:
        with _piece("reconciliation", account):
            report = reconcile(
                carrier=carrier_of(account),
                actor=Actor.for_worker("reconcile"),
                since=_latest(hour=3, minute=43),
                deadline=deadline,
            )
            if report is not None:
                counts = {drift.value: count for drift, count in report.counts.items()}
                log.info("reconciliation.completed", account=account, **_counts(report), **counts)
                _log_excess(account, report.extent)


@contextmanager
def _piece(name: str, account: str) -> Iterator[None]:
    """Do one piece of a long task for one account. What is left, the job of the next minute continues."""
    close_old_connections()
    try:
        yield
    except OutOfTime:
        log.info("task.interrupted", task=name, account=account)
    except ReadingTaken:
        log.info("task.taken_over", task=name, account=account)
    except ImproperlyConfigured as error:
        log.error("account.unusable", account=account, reason=str(error))  # noqa: TRY400  (One sentence.)
    except (TooManyErrors, CarrierRefused, CarrierUnavailable) as error:
        log.warning("task.ended_early", task=name, account=account, reason=carriers_words(str(error), otherwise=""))
        if isinstance(error, CarrierRefused):
            AttachmentFailure.from_carrier(error.failure).log_for_operator()


def _latest(*, hour: int | None = None, minute: int) -> datetime:
    """Return the latest time, by the database's clock, when a task was to start: in this hour, or on this day."""
    now = database_now().astimezone(UTC)
    start = now.replace(hour=now.hour if hour is None else hour, minute=minute, second=0, microsecond=0)
    return start if start <= now else start - (timedelta(hours=1) if hour is None else timedelta(days=1))


def _log_decision(decision: Decision) -> None:
    if decision.status is not None and decision.reason is None:
        log.info("campaign.decided", campaign_id=str(decision.campaign_id), carrier_status=decision.status)


def _counts(report: Report | SyncReport) -> dict[str, int]:
    return {
        "checked": report.extent.compared,
        "drifted": report.extent.drifted,
        "left": report.left,
        "unknown": report.unknown,
        "unreadable": report.unreadable,
    }


def _log_excess(account: str, extent: Extent) -> None:
    if extent.excess is not None:
        log.error("drift.left", account=account, reason=extent.excess)


def _defer(account: str, order_ids: Sequence[UUID], lease: datetime) -> None:
    # The lease makes a lost job harmless, so a job needs no transaction with the order.
    process_orders.defer(account=account, order_ids=[str(order_id) for order_id in order_ids], lease=lease.isoformat())


def _backlog(account: str) -> int:
    waiting = ProcrastinateJob.objects.filter(queue_name=QUEUE, status="todo", task_name=process_orders.name)
    return waiting.filter(args__account=account).count()
