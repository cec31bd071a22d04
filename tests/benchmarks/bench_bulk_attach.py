"""`manage.py attach_campaign --csv` beside its floor, in rows per second, and its memory.

The floor is what PostgreSQL alone takes for the same work on the same table with the same indexes: COPY of the file
into a temporary table, one INSERT of history, one UPDATE … FROM, in one transaction. The two take turns, each from the
same state of the tables.

    export DJANGO_SETTINGS_MODULE=tests.settings
    python -m devserver python -m tests.benchmarks.bench_bulk_attach [--rows 200000] [--rounds 3]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.scratch import scratch_database

if TYPE_CHECKING:
    from tests.support.worlds import World

FLOOR = """
CREATE TEMPORARY TABLE floor_rows (number text, campaign_id uuid) ON COMMIT DROP;
"""
FLOOR_WRITES = """
CREATE TEMPORARY TABLE floor_moves ON COMMIT DROP AS
    SELECT p.id, p.organization_id, p.campaign_id AS previous_campaign_id, f.campaign_id,
        gen_random_uuid() AS attachment_id, now() AS at
    FROM floor_rows f JOIN numbers_phonenumber p ON p.number = f.number;
INSERT INTO numbers_campaignattachment (id, organization_id, phone_number_id, campaign_id, previous_campaign_id,
        actor_kind, actor_id, created_at, status, attempts, next_attempt_at)
    SELECT attachment_id, organization_id, id, campaign_id, previous_campaign_id,
        'command', 'floor', at, 'pending', 0, at FROM floor_moves;
UPDATE numbers_phonenumber p
    SET campaign_id = m.campaign_id, carrier_line_option_status = 'pending', carrier_line_option_propagated_at = NULL,
        current_attachment_id = m.attachment_id, updated_at = m.at
    FROM floor_moves m WHERE p.id = m.id;
"""
COMMAND = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = sys.argv.pop(1)
from django.core.management import ManagementUtility
try:
    ManagementUtility(["manage.py", *sys.argv[1:]]).execute()
finally:
    with open("/proc/self/status") as status:
        print(next(line.split()[1] for line in status if line.startswith("VmHWM")), file=sys.stderr)
"""


def main() -> None:
    """Prints the rounds, the ratio of the medians, and the command's peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, scratch_database():
        from tests.support.worlds import World

        world = World()
        numbers = _create_numbers(world, options.rows)
        floors, products = [], []
        for round_ in range(options.rounds):
            campaign = (world.other_campaign, world.campaign)[round_ % 2]
            file = Path(folder) / "rows.csv"
            file.write_text("number,campaign_id\n" + "".join(f"{number},{campaign.id}\n" for number in numbers))
            _reset(world)
            floors.append(options.rows / _floor(file))
            _reset(world)
            seconds, peak = _product(world, file, options.rows)
            products.append(options.rows / seconds)
            sys.stdout.write(
                f"round {round_ + 1}: floor {floors[-1]:8,.0f} rows/s   command {products[-1]:8,.0f} rows/s\n"
            )
        ratio = statistics.median(products) / statistics.median(floors)
        sys.stdout.write(
            f"{options.rows:,} rows: {ratio:.2f} of the floor, start of the command included; peak {peak:.0f} MB\n"
        )


def _create_numbers(world: "World", count: int) -> list[str]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO numbers_phonenumber (id, organization_id, number, number_type, state, label, sms_enabled,"
            " mms_enabled, created_at, updated_at)"
            " SELECT gen_random_uuid(), %s, '+44' || (2000000000 + i), 'local', 'ASSIGNED', 'Line ' || i, true, true,"
            " now() - i * interval '1 second', now() FROM generate_series(1, %s) i",
            [world.organization.id, count],
        )
        # As a file comes: in no order that the table knows.
        cursor.execute("SELECT number FROM numbers_phonenumber WHERE number LIKE '+44%%' ORDER BY md5(number)")
        return [number for (number,) in cursor.fetchall()]


def _reset(world: "World") -> None:
    """Every number back on no campaign, without history, in tables as compact as at first."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE numbers_phonenumber SET campaign_id = NULL, carrier_line_option_status = NULL,"
                       " carrier_line_option_propagated_at = NULL, current_attachment_id = NULL")  # fmt: skip
        cursor.execute("ALTER TABLE numbers_campaignattachment DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM numbers_campaignattachment")
        cursor.execute("ALTER TABLE numbers_campaignattachment ENABLE TRIGGER USER")
        for table in ("numbers_phonenumber", "numbers_campaignattachment"):
            cursor.execute(f"VACUUM (FULL, ANALYZE) {table}")
        cursor.execute("CHECKPOINT")


def _floor(file: Path) -> float:
    from django.db import connection, transaction

    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FLOOR)
        with cursor.copy("COPY floor_rows FROM STDIN (FORMAT csv, HEADER)") as copy, file.open("rb") as content:
            while part := content.read(1 << 16):
                copy.write(part)
        cursor.execute("ANALYZE floor_rows")
        cursor.execute(FLOOR_WRITES)
    return time.perf_counter() - started


def _product(world: "World", file: Path, rows: int) -> tuple[float, float]:
    from django.db import connection

    arguments = ["attach_campaign", "--organization", world.organization.slug, "--csv", str(file), "--json"]
    started = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, connection.settings_dict["NAME"], *arguments], capture_output=True, check=True
    )
    seconds = time.perf_counter() - started
    assert json.loads(ended.stdout)["attached"] == rows, ended.stdout
    # Kilobytes, as Linux counts them.
    return seconds, int(ended.stderr.split()[-1]) / 1024


if __name__ == "__main__":
    main()
