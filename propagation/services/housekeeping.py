"""Keep the tables of orders and jobs small."""

from django.db import connection

_ORDERS_KEPT_DAYS = 30
_LOST_AFTER_MINUTES = 15
_BATCH = 10_000

_DELETE_ORDERS = """
DELETE FROM propagation_carrierorder WHERE id IN (
    SELECT id FROM propagation_carrierorder
    WHERE ended_at < statement_timestamp() - %(days)s * interval '1 day'
    ORDER BY ended_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
"""
# Done, failed, or started by a worker without a heartbeat since. The orders themselves say what is left to do.
_DELETE_JOBS = """
DELETE FROM procrastinate_jobs WHERE id IN (
    SELECT job.id FROM procrastinate_jobs job
    LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.queue_name = 'propagation'
      AND (job.status NOT IN ('todo', 'doing')
           OR job.status = 'doing'
              AND (worker.id IS NULL
                   OR worker.last_heartbeat < statement_timestamp() - %(minutes)s * interval '1 minute'))
    LIMIT %(limit)s
    FOR UPDATE OF job SKIP LOCKED
)
"""


def delete_old_orders() -> int:
    """Delete a batch of orders that ended more than 30 days ago. Return how many. History keeps their IDs."""
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_ORDERS, {"days": _ORDERS_KEPT_DAYS, "limit": _BATCH})
        deleted: int = cursor.rowcount
    return deleted


def delete_lost_jobs() -> int:
    """Delete a batch of jobs that no worker will finish. Return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_DELETE_JOBS, {"minutes": _LOST_AFTER_MINUTES, "limit": _BATCH})
        deleted: int = cursor.rowcount
    return deleted
