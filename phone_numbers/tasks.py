"""What workers do: `python manage.py procrastinate worker`. Jobs carry ids and read the present state."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from procrastinate.contrib.django import app

from phone_numbers.services.propagation.current_carrier import current_budget, current_carrier, open_orders_limit
from phone_numbers.services.propagation.maintenance import forget_ended_orders, forget_lost_jobs
from phone_numbers.services.propagation.tick import run_round
from phone_numbers.services.propagation.work import work_order

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
        open_orders=open_orders_limit(),
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
            budget=current_budget(),
        )


@app.periodic(cron="*/5 * * * *")
@app.task(queue=QUEUE, queueing_lock="tidy_up", name="tidy_up")
def tidy_up(timestamp: int) -> None:  # noqa: ARG001  (Procrastinate names the moment; what is due now counts.)
    """Every five minutes: forgets orders that ended long ago, and jobs whose worker has died."""
    forget_ended_orders()
    forget_lost_jobs()


def _defer(order_ids: Sequence[UUID], lease: datetime) -> None:
    # The lease makes a lost job harmless, so a job needs no transaction with the order.
    work_orders.defer(order_ids=[str(order_id) for order_id in order_ids], lease=lease.isoformat())


def _backlog() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOG, [QUEUE, work_orders.name])
        waiting: int = cursor.fetchone()[0]
    return waiting
