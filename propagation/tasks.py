"""The tasks of `manage.py run_worker`. Jobs carry IDs and read the present state."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import close_old_connections
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued

from accounts.actors import Actor
from campaigns.services import end_suspensions, expire_campaigns
from carriers.base import CarrierRefused, CarrierUnavailable, Deadline
from propagation.services.calling import current_carrier, current_rate_limiter, max_open_orders
from propagation.services.dispatch import run_round
from propagation.services.housekeeping import delete_lost_jobs, delete_old_orders, expire_orders, expire_waiting
from propagation.services.reconcile import reconcile
from propagation.services.record import AttachmentFailure
from propagation.services.send import process_orders_until
from propagation.services.sync import announced_campaigns, sync_campaigns

log = structlog.get_logger(__name__)

QUEUE = "propagation"
# Enough to keep some workers busy until the next round, and few enough that no lease expires in the queue.
MAX_JOBS = 60
# A job takes no further order after this, so that a worker that is told to stop soon does.
JOB_SECONDS = 15.0


@app.periodic(cron="* * * * * */2")
@app.task(queue=QUEUE, queueing_lock="propagate", name="propagate")
def propagate(timestamp: int) -> None:  # noqa: ARG001  (Procrastinate names the moment; what is due now counts.)
    """Every two seconds, in one worker: turn everything that is due into jobs."""
    close_old_connections()
    run_round(
        carrier=current_carrier(),
        open_orders=max_open_orders(),
        defer=_defer,
        backlog=_backlog,
        max_jobs=MAX_JOBS,
    )


@app.task(queue=QUEUE, name="process_orders")
def process_orders(order_ids: list[str], lease: str) -> None:
    """Send or poll these orders, as many as there is time for; the others are due again at once."""
    close_old_connections()
    process_orders_until(
        [UUID(order_id) for order_id in order_ids],
        lease=datetime.fromisoformat(lease),
        carrier=current_carrier(),
        rate_limiter=current_rate_limiter(),
        deadline=Deadline.after(JOB_SECONDS),
    )


@app.periodic(cron="*/5 * * * *")
@app.task(queue=QUEUE, queueing_lock="tidy_up", name="tidy_up")
def tidy_up(timestamp: int) -> None:  # noqa: ARG001  (Procrastinate names the moment; what is due now counts.)
    """Every five minutes: end what has lasted for too long, and delete old orders and the jobs of dead workers."""
    close_old_connections()
    expire_orders()
    expire_waiting()
    end_suspensions()
    delete_old_orders()
    delete_lost_jobs()


@app.periodic(cron="0 * * * *")
@app.task(queue=QUEUE, queueing_lock="expire_campaigns", name="expire_campaigns")
def expire_due_campaigns(timestamp: int) -> None:  # noqa: ARG001
    """At 00:00 UTC: expire campaigns whose last day is over. The runs of the other hours catch up on a missed one."""
    close_old_connections()
    expire_campaigns()


@app.periodic(cron="23 * * * *")
@app.task(queue=QUEUE, queueing_lock="sync_campaigns", lock="sync_campaigns", name="sync_campaigns")
def sync_approvals(timestamp: int) -> None:  # noqa: ARG001
    """Every hour: ask the carrier which campaigns it has approved."""
    try:
        _sync()
    except (CarrierUnavailable, CarrierRefused) as error:
        # The answers so far are recorded; the rest is asked again in an hour.
        _log_early_end("sync.ended_early", error)


def _sync(tcr_campaign_ids: Collection[str] | None = None) -> None:
    for decision in sync_campaigns(carrier=current_carrier(), tcr_campaign_ids=tcr_campaign_ids):
        if decision.is_new:
            log.info("campaign.decided", campaign_id=str(decision.campaign.id), carrier_status=decision.status)


@app.task(queue=QUEUE, lock="sync_campaigns", name="sync_announced")
def sync_announced(campaign_id: str | None, brand_id: str | None) -> None:
    """After a carrier's news of a campaign, or of a brand and so of all its campaigns: ask what it has decided."""
    close_old_connections()
    try:
        campaigns = announced_campaigns(carrier=current_carrier(), campaign_id=campaign_id, brand_id=brand_id)
        _sync(tcr_campaign_ids=campaigns)
    except (CarrierUnavailable, CarrierRefused) as error:
        # The sync of all campaigns asks again within the hour.
        _log_early_end("sync.ended_early", error)


def announce_campaigns(*, campaign_id: str | None, brand_id: str | None) -> bool:
    """Queue `sync_announced` unless the same is queued already. Return whether it was queued."""
    lock = f"sync_announced {campaign_id or brand_id}"
    try:
        sync_announced.configure(queueing_lock=lock).defer(campaign_id=campaign_id, brand_id=brand_id)
    except AlreadyEnqueued:
        return False
    return True


@app.periodic(cron="43 3 * * *")
@app.task(queue=QUEUE, queueing_lock="reconcile", lock="reconcile", name="reconcile")
def reconcile_all(timestamp: int) -> None:  # noqa: ARG001
    """Every night: compare with what the carrier reports, and correct the drift."""
    try:
        report = reconcile(
            carrier=current_carrier(),
            actor=Actor.for_worker("reconcile"),
            max_detach_share=settings.RECONCILE_MAX_DETACH_SHARE,
        )
    except (CarrierUnavailable, CarrierRefused) as error:
        _log_early_end("reconciliation.ended_early", error)
        return
    counts = {drift.value: count for drift, count in report.counts.items()}
    log.info("reconciliation.completed", checked=report.checked, left=report.left, **counts)


def _log_early_end(event: str, error: CarrierUnavailable | CarrierRefused) -> None:
    log.warning(event, reason=str(error))
    if isinstance(error, CarrierRefused):
        AttachmentFailure.from_carrier(error.failure).log_for_operator()


def _defer(order_ids: Sequence[UUID], lease: datetime) -> None:
    # The lease makes a lost job harmless, so a job needs no transaction with the order.
    process_orders.defer(order_ids=[str(order_id) for order_id in order_ids], lease=lease.isoformat())


def _backlog() -> int:
    return ProcrastinateJob.objects.filter(queue_name=QUEUE, status="todo", task_name=process_orders.name).count()
