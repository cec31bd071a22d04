"""`manage.py run_worker`: run the jobs of the queue for as long as this process is not asked to stop."""

import asyncio
import os
import signal
import time
from argparse import ArgumentTypeError
from contextlib import suppress
from threading import Timer
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from psycopg_pool import AsyncConnectionPool

log = structlog.get_logger(__name__)

# Seconds between two connections: doubled each time, and back at the first after one that has held for a while.
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 5.0
_HELD_SECONDS = 60.0
# How long a statement waits for a connection. Procrastinate's own pool has 30 seconds, so it is slow to notice.
_CONNECT_SECONDS = 5.0
_GRACE_SECONDS = 45.0
_MAX_GRACE_SECONDS = 55.0


class Command(BaseCommand):
    """Procrastinate's own worker ends, with exit status 0, when its database restarts."""

    help = "Run jobs until SIGTERM or SIGINT. Reconnects while PostgreSQL is unavailable."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--grace",
            type=_seconds,
            default=_GRACE_SECONDS,
            metavar="SECONDS",
            help=f"how long running jobs may take to finish after a stop signal (default: "
            f"{_GRACE_SECONDS:g}, at most {_MAX_GRACE_SECONDS:g}); after that, or when asked again, it ends without "
            f"them, and another worker repeats them",
        )

    def handle(self, **options: Any) -> None:
        """Raises ImproperlyConfigured without a DATABASE_URL."""
        asyncio.run(_run(grace=options["grace"]))


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _MAX_GRACE_SECONDS:
        raise ArgumentTypeError(f"must be above 0 and at most {_MAX_GRACE_SECONDS:g}")
    return seconds


async def _run(*, grace: float) -> None:
    stopping = asyncio.Event()
    worker = asyncio.create_task(_work_until(stopping))
    # A thread that waits for a carrier cannot be interrupted, and the interpreter waits for its threads.
    cut_off = Timer(grace, _cut_off)
    cut_off.daemon = True

    def stop() -> None:
        if stopping.is_set():
            _cut_off()
        log.info("worker.stopping", seconds=grace)
        stopping.set()
        worker.cancel()
        cut_off.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    log.info("worker.started")
    with suppress(asyncio.CancelledError):
        await worker
    log.info("worker.stopped")


async def _work_until(stopping: asyncio.Event) -> None:
    delay = _FIRST_DELAY
    while not stopping.is_set():
        started = time.monotonic()
        try:
            await _work()
            reason = "the connection was lost"  # Procrastinate has logged how.
        except (ConnectorException, psycopg.Error) as error:
            reason = str(error.__cause__ or error)
        if stopping.is_set():
            return
        delay = _FIRST_DELAY if time.monotonic() - started > _HELD_SECONDS else min(2 * delay, _LONGEST_DELAY)
        log.error("worker.reconnecting", reason=reason, seconds=delay)
        await asyncio.sleep(delay)


async def _work() -> None:
    """Run jobs until the database is lost, or until this task is canceled and its jobs have ended."""
    pool = AsyncConnectionPool(
        kwargs=connector_params(),
        timeout=_CONNECT_SECONDS,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    with app.replace_connector(PsycopgConnector()):
        async with pool, app.open_async(pool):
            await app.run_worker_async(
                install_signal_handlers=False,
                # pgbouncer in transaction mode loses LISTEN; jobs are then found by polling.
                listen_notify=not settings.DATABASE_PGBOUNCER,
            )


def _cut_off() -> None:
    """End this process as if it had been killed, which is harmless: leases and the job queue see to the rest."""
    log.warning("worker.jobs_cut_off")
    os._exit(0)
