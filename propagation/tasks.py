"""What workers do: `python manage.py procrastinate worker`. Jobs carry ids and read the present state."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection
from procrastinate.contrib.django import app

from accounts.actors import Actor
from carriers.base import CarrierRefused, CarrierUnavailable
from propagation.services.calling import current_carrier, current_rate_limiter, max_open_orders
from propagation.services.dispatch import run_round
from propagation.services.housekeeping import forget_ended_orders, forget_lost_jobs
from propagation.services.reconcile import reconcile
from propagation.services.send import work_order
from propagation.services.sync import sync_campaigns

log = structlog.get_logger(__name__)

QUEUE = "propagation"
# Enough to keep some workers busy until the next round, and few enough that no lease runs out in the queue.
MOST_JOBS = 60

_BACKLOG = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name = %s AND status = 'todo' AND task_name = %s"


@app.periodic(cron="* * * * * */2")
@app.task(queue=QUEUE, queueing_lock="propagate", name="propagate")
def propagate(timestamp: int) -> None:  # noqa: ARG001  (Procrastinate names the moment; what is due now counts.)
    """Every two seconds, by one worker: everything that is due becomes jobs."""
    run_round(
        carrier=current_carrier(),
        open_orders=max_open_orders(),
        defer=_defer,
        backlog=_backlog,
        most_jobs=MOST_JOBS,
    )


@app.task(queue=QUEUE, name="work_orders")
def work_orders(order_ids: list[str], lease: str) -> None:
    """Takes each of these orders one step further."""
    for order_id in order_ids:
        work_order(
            order_id=UUID(order_id),
            lease=datetime.fromisoformat(lease),
            carrier=current_carrier(),
            rate_limiter=current_rate_limiter(),
        )


@app.periodic(cron="*/5 * * * *")
@app.task(queue=QUEUE, queueing_lock="tidy_up", name="tidy_up")
def tidy_up(timestamp: int) -> None:  # noqa: ARG001  (Procrastinate names the moment; what is due now counts.)
    """Every five minutes: forgets orders that ended long ago, and jobs whose worker has died."""
    forget_ended_orders()
    forget_lost_jobs()


@app.periodic(cron="23 * * * *")
@app.task(queue=QUEUE, queueing_lock="sync_campaigns", lock="sync_campaigns", name="sync_campaigns")
def sync_approvals(timestamp: int) -> None:  # noqa: ARG001
    """Every hour: asks the carrier which campaigns it has approved."""
    try:
        for decision in sync_campaigns(carrier=current_carrier()):
            if decision.is_new:
                log.info("campaign decided", campaign_id=str(decision.campaign.id), carrier_status=decision.status)
    except (CarrierUnavailable, CarrierRefused) as error:
        # What has been asked is written down; the rest has its turn in an hour.
        log.warning("sync ended early", reason=str(error))


@app.periodic(cron="43 3 * * *")
@app.task(queue=QUEUE, queueing_lock="reconcile", lock="reconcile", name="reconcile")
def reconcile_all(timestamp: int) -> None:  # noqa: ARG001
    """Every night: compares with what the carrier reports, and has what differs mended."""
    try:
        report = reconcile(
            carrier=current_carrier(),
            actor=Actor.for_worker("reconcile"),
            max_detach_share=settings.RECONCILE_MAX_DETACH_SHARE,
        )
    except (CarrierUnavailable, CarrierRefused) as error:
        log.warning("reconciliation ended early", reason=str(error))
        return
    counts = {drift.value: count for drift, count in report.counts.items()}
    log.info("reconciled", checked=report.checked, left=report.left, **counts)


def _defer(order_ids: Sequence[UUID], lease: datetime) -> None:
    # The lease makes a lost job harmless, so a job needs no transaction with the order.
    work_orders.defer(order_ids=[str(order_id) for order_id in order_ids], lease=lease.isoformat())


def _backlog() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOG, [QUEUE, work_orders.name])
        waiting: int = cursor.fetchone()[0]
    return waiting
