"""The tasks of phone numbers: large bulk operations of operators."""

import time

from django.db import close_old_connections
from procrastinate.contrib.django import app

from phone_numbers.bulk_operations import BulkOperation
from phone_numbers.services.bulk_operations import run_batch
from phone_numbers.services.operator_jobs import delete_old_jobs

# The queue of all tasks, whose lost jobs `tidy_up` deletes.
QUEUE = "propagation"
# A job starts no further batch after this, so that a stopping worker ends soon.
JOB_SECONDS = 15.0
# How long a batch waits for numbers that another transaction holds.
LOCK_SECONDS = 5.0


@app.periodic(cron="* * * * * */2")
@app.task(queue=QUEUE, queueing_lock="bulk_operations", name="bulk_operations")
def bulk_operations(timestamp: int) -> None:  # noqa: ARG001  (Procrastinate names the moment; what is confirmed counts.)
    """Every two seconds: run the batches of bulk operations. The operations themselves say what is left to do."""
    close_old_connections()
    until = time.monotonic() + JOB_SECONDS
    while time.monotonic() < until and run_batch(lock_seconds=LOCK_SECONDS):
        pass


@app.periodic(cron="29 * * * *")
@app.task(queue=QUEUE, queueing_lock="delete_bulk_operations", name="delete_bulk_operations")
def delete_bulk_operations(timestamp: int) -> None:  # noqa: ARG001
    """Every hour: delete old bulk operations."""
    close_old_connections()
    delete_old_jobs(BulkOperation)
