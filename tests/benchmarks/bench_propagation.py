"""How fast a worker settles pending numbers, and whether a long queue slows claiming down.

    export DJANGO_SETTINGS_MODULE=tests.settings
    python -m devserver python -m tests.benchmarks.bench_propagation [--numbers 20000] [--pending 1000000]

The carriers are fakes that answer at once, in processes of their own: Bandwidth with orders of 1,000 numbers, Telnyx
with one number a call. The floor is the carrier alone: the same calls by the same adapter from as many threads, and
nothing written down.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

from tests.benchmarks.scratch import scratch_database
from tests.support.waiting import wait_until

THREADS = 8
ROUNDS = 5
CLAIMED = 1_000

_NUMBERS = """
INSERT INTO numbers_phonenumber (id, organization_id, number, number_type, state, sms_enabled, mms_enabled, created_at,
    updated_at, campaign_id, carrier_line_option_status)
SELECT gen_random_uuid(), %(organization)s, '+1' || (%(first)s + n), 'local', 'ASSIGNED', true, true, now(), now(),
    %(campaign)s, 'pending'
FROM generate_series(1, %(count)s) AS n
"""
_ATTACHMENTS = """
WITH made AS (
    INSERT INTO numbers_campaignattachment (id, organization_id, phone_number_id, campaign_id, actor_kind, actor_id,
        created_at, status, attempts, next_attempt_at)
    SELECT gen_random_uuid(), organization_id, id, campaign_id, 'command', 'bench', now(), 'pending', 0,
        now() - random() * interval '1 hour'
    FROM numbers_phonenumber WHERE campaign_id = %(campaign)s AND current_attachment_id IS NULL
    RETURNING id, phone_number_id
)
UPDATE numbers_phonenumber p SET current_attachment_id = made.id FROM made WHERE p.id = made.phone_number_id
"""


def main() -> None:
    """Prints a line for each comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=20_000, help="settled in batches; a tenth of them one by one")
    parser.add_argument("--pending", type=int, default=1_000_000)
    options = parser.parse_args()
    with scratch_database():
        for name, count in (("bandwidth", options.numbers), ("telnyx", options.numbers // 10)):
            with _fake(name) as url:
                floor = _floor(url, count)
                settled = _settled(url, count)
            sys.stdout.write(
                f"{name:10} a worker settles {settled:8,.0f} numbers/s, the carrier alone takes {floor:8,.0f}/s:"
                f" {settled / floor:.2f} of the floor\n"
            )
        _claims(options.pending)


def _claims(pending: int) -> None:
    from django.db import connection

    from carriers.choose import build_carrier
    from propagation.services.claim import claim_due

    carrier = build_carrier("simulated://", pace=lambda: None)

    def claim() -> None:
        claimed = claim_due(carrier, open_orders=0, limit=CLAIMED)
        assert claimed.rows == CLAIMED

    def again() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE numbers_campaignattachment SET status = 'pending', next_attempt_at = now() - interval '1 day',"
                " order_id = NULL WHERE status = 'submitted'"
            )
            cursor.execute("DELETE FROM propagation_carrierorder")

    campaign_id = _pending(CLAIMED, first=2_000_000_000)
    few = _median(claim, again)
    _pending(pending - CLAIMED, first=3_000_000_000, campaign_id=campaign_id)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE numbers_campaignattachment, numbers_phonenumber")
    many = _median(claim, again)
    sys.stdout.write(
        f"claim      {CLAIMED:,} rows of {pending:,} pending cost {many / few:.2f} times as much as of {CLAIMED:,}"
        f" ({CLAIMED / many:,.0f} rows/s)\n"
    )


def _median(work: Callable[[], None], again: Callable[[], None]) -> float:
    seconds = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
        again()
    return statistics.median(seconds[1:])


def _settled(url: str, count: int) -> float:
    from django.db import connection

    from phone_numbers.models import CampaignAttachment

    campaign_id = _pending(count, first=4_000_000_000 if "bandwidth" in url else 5_000_000_000)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE numbers_campaignattachment, numbers_phonenumber")
    environment = os.environ | {
        "DATABASE_URL": _url_of_this_database(),
        "CARRIER_URL": url,
        "CARRIER_REQUESTS_PER_SECOND": "0",
        "CARRIER_OPEN_ORDERS": "0",
        "LOG_LEVEL": "ERROR",
    }
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "run_worker"],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        mine = CampaignAttachment.objects.filter(campaign_id=campaign_id)
        wait_until(mine.filter(status="propagated").exists, "the first number is propagated")
        # From the first one on: how long Python takes to start is another measurement.
        started = time.perf_counter()
        already = mine.filter(status="propagated").count()
        while (left := mine.exclude(status="propagated").count()) > 0:
            assert not mine.filter(status="failed").exists()
            time.sleep(0.05)  # Counting more often would take time from the worker.
        seconds = time.perf_counter() - started
    finally:
        worker.terminate()
        worker.wait()
    assert left == 0
    return (count - already) / seconds


def _floor(url: str, count: int) -> float:
    from carriers.base import OrderAction, OrderRequest
    from carriers.choose import build_carrier

    carrier = build_carrier(url, pace=lambda: None)
    numbers = [f"+1{6_000_000_000 + n}" for n in range(count)]
    size = carrier.batch_size
    orders = [
        OrderRequest(str(UUID(int=start)), OrderAction.ATTACH, "C000000", tuple(numbers[start : start + size]))
        for start in range(0, count, size)
    ]
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        assert all(report.failure is None for report in pool.map(carrier.submit, orders))
    seconds = time.perf_counter() - started
    carrier.close()
    return count / seconds


def _pending(count: int, *, first: int, campaign_id: UUID | None = None) -> UUID:
    """So many numbers that wait for the carrier."""
    from django.db import connection

    from campaigns.models import Campaign
    from tests.support.factories import CampaignFactory

    if campaign_id is None:
        campaign_id = CampaignFactory.create(tcr_campaign_id="C000000").id
    campaign = Campaign.objects.get(id=campaign_id)
    parameters: dict[str, UUID | int] = {
        "organization": campaign.organization_id, "campaign": campaign.id, "first": first, "count": count,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_NUMBERS, parameters)
        cursor.execute(_ATTACHMENTS, parameters)
        cursor.execute("ANALYZE numbers_campaignattachment, numbers_phonenumber")
    return campaign.id


@contextmanager
def _fake(name: str) -> Iterator[str]:
    """The fake in a process of its own; its CARRIER_URL."""
    command = [sys.executable, "-m", "tests.benchmarks.fake_carrier", name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _url_of_this_database() -> str:
    from tests.chaos.chaos import url_of_this_database

    return url_of_this_database()


if __name__ == "__main__":
    main()
