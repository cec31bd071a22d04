"""Keeps the tables of orders and jobs small."""

from django.db import connection

_ORDERS_KEPT_DAYS = 30
_LOST_AFTER_MINUTES = 15
_BATCH = 10_000

_FORGET_ORDERS = """
DELETE FROM propagation_carrierorder WHERE id IN (
    SELECT id FROM propagation_carrierorder
    WHERE ended_at < statement_timestamp() - %s * interval '1 day'
    ORDER BY ended_at
    LIMIT %s
    FOR UPDATE SKIP LOCKED
)
"""
# Done, failed, or begun by a worker that nobody has heard of since. The orders themselves say what is left to do.
_FORGET_JOBS = """
DELETE FROM procrastinate_jobs WHERE id IN (
    SELECT job.id FROM procrastinate_jobs job
    LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.queue_name = 'propagation'
      AND (job.status NOT IN ('todo', 'doing')
           OR job.status = 'doing'
              AND (worker.id IS NULL OR worker.last_heartbeat < statement_timestamp() - %s * interval '1 minute'))
    LIMIT %s
    FOR UPDATE OF job SKIP LOCKED
)
"""


def forget_ended_orders() -> int:
    """Deletes a batch of orders that ended more than 30 days ago; how many. History keeps their ids."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_ORDERS, [_ORDERS_KEPT_DAYS, _BATCH])
        deleted: int = cursor.rowcount
    return deleted


def forget_lost_jobs() -> int:
    """Deletes a batch of jobs that no worker will end; how many."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_JOBS, [_LOST_AFTER_MINUTES, _BATCH])
        deleted: int = cursor.rowcount
    return deleted
