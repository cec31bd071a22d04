"""Fills a migrated database with numbers and three entries of history for each, made by PostgreSQL itself.

Numbers come in blocks of a hundred, as organizations buy them. Every organization has 10,000, whatever the size of the
table, except one that has a tenth of a large table. Time goes with the ids, as with the ones that the service makes.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable

import psycopg

from tests.support.postgresql import Server

TABLES = ("numbers_phonenumber", "numbers_campaignattachment")
OF_EACH_ORGANIZATION = 10_000

# A UUIDv7 of a moment; the rest of it from a text, so that two statements come to the same id.
_V7 = """
CREATE FUNCTION bench_v7(moment timestamptz, salt text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7' || substr(md5(salt), 1, 3)
            || '8' || substr(md5(salt), 4, 15))::uuid
$$
"""
_ORGANIZATIONS = """
CREATE TABLE bench_organization AS
    SELECT ord, bench_v7(now(), 'o' || ord) AS id, bench_v7(now(), 'b' || ord) AS brand_id,
           bench_v7(now(), 'x' || ord) AS campaign_a, bench_v7(now(), 'y' || ord) AS campaign_b
    FROM generate_series(0, greatest(1, %(numbers)s / 10000)) ord;
INSERT INTO accounts_organization (id, name, slug, created_at)
    SELECT id, 'Organization ' || ord, 'organization-' || ord, now() FROM bench_organization;
INSERT INTO brands_brand (id, organization_id, name, identity_status, created_at, updated_at)
    SELECT brand_id, id, 'Brand', 'VERIFIED', now(), now() FROM bench_organization;
INSERT INTO campaigns_campaign (id, organization_id, brand_id, name, usecase, description, tcr_campaign_id, status,
        carrier_status, number_pool, created_at, updated_at)
    SELECT campaign_a, id, brand_id, 'A', 'CUSTOMER_CARE', '', 'CAAAAAA', 'ACTIVE', 'APPROVED', false, now(), now()
    FROM bench_organization
    UNION ALL
    SELECT campaign_b, id, brand_id, 'B', 'CUSTOMER_CARE', '', 'CBBBBBB', 'ACTIVE', 'APPROVED', false, now(), now()
    FROM bench_organization;
"""
# In which organization number i is, and when it came. Entry j of its history came 30 j days later.
_NUMBERS = """
CREATE VIEW bench_number AS
    SELECT i, o.id AS organization_id, campaign_a, campaign_b, at, bench_v7(at, 'n' || i) AS id
    FROM (
        SELECT i, (i - 1) / 100 AS block, %(numbers)s / 10000 AS organizations,
               timestamptz '2025-10-01' + i * (interval '300 days' / %(numbers)s) AS at
        FROM generate_series(1, %(numbers)s) i
    ) n
    JOIN bench_organization o ON o.ord = CASE WHEN organizations >= 10 AND block %% 10 = 0 THEN 0
                                              ELSE 1 + block %% greatest(organizations, 1) END
"""
_FILL_NUMBERS = """
INSERT INTO numbers_phonenumber (id, organization_id, number, number_type, state, label, campaign_id,
    carrier_line_option_status, carrier_line_option_propagated_at, current_attachment_id, sms_enabled, mms_enabled,
    created_at, updated_at)
SELECT id, organization_id, '+2' || (1000000000 + i), CASE WHEN i % 50 = 0 THEN 'toll_free' ELSE 'local' END,
    'ASSIGNED', 'Line ' || i, campaign_a, CASE WHEN i % 100 = 7 THEN 'failed' ELSE 'propagated' END,
    CASE WHEN i % 100 <> 7 THEN at + interval '91 days' END, bench_v7(at + interval '90 days', 'a3' || i), true, true,
    at, at + interval '90 days'
FROM bench_number
"""
_FILL_HISTORY = """
INSERT INTO numbers_campaignattachment (id, organization_id, phone_number_id, campaign_id, previous_campaign_id,
    actor_kind, actor_id, request_id, created_at, status, attempts, order_id, submitted_at, propagated_at, failure_code,
    failure_carrier_code, failure_message)
SELECT bench_v7(at + {j} * interval '30 days', 'a{j}' || i), organization_id, id, {campaign}, {previous},
    'api_key', '019ab0cd-0000-7000-8000-000000000000', '01JD0000000000000000000000', at + {j} * interval '30 days',
    CASE WHEN {j} = 3 AND i % 100 = 7 THEN 'failed' ELSE 'propagated' END, 1, bench_v7(at, 'order'),
    at + {j} * interval '30 days', CASE WHEN {j} < 3 OR i % 100 <> 7 THEN at + {j} * interval '30 days' END,
    CASE WHEN {j} = 3 AND i % 100 = 7 THEN 'REJECTED' END, CASE WHEN {j} = 3 AND i % 100 = 7 THEN '5107' END,
    CASE WHEN {j} = 3 AND i % 100 = 7 THEN 'The carrier does not take this number.' END
FROM bench_number
"""


def fill(server: Server, database: str, numbers: int, *, say: Callable[[str], object]) -> None:
    """Makes the database `database` with so many numbers. Indexes are built afterwards."""
    server.sql(f"CREATE DATABASE {database}", database="postgres")
    environment = {**os.environ, "DATABASE_URL": server.url(database), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], env=environment, check=True)
    with server.connect(database) as connection:
        execute = connection.execute
        execute("SET session_replication_role = replica")
        execute("SET maintenance_work_mem = '1GB'")
        execute("SET max_parallel_maintenance_workers = 1")
        rebuild = _drop_indexes(connection)
        execute(_V7)
        for statement in (*_ORGANIZATIONS.split(";")[:-1], _NUMBERS):
            execute(statement.replace("%(numbers)s", str(numbers)).replace("%%", "%"))
        started = time.monotonic()
        execute(_FILL_NUMBERS)
        say(f"{database}: {numbers:,} numbers in {time.monotonic() - started:.0f} s")
        for j, (campaign, previous) in enumerate(
            [("campaign_a", "NULL::uuid"), ("campaign_b", "campaign_a"), ("campaign_a", "campaign_b")], start=1
        ):
            started = time.monotonic()
            execute(_FILL_HISTORY.replace("{j}", str(j)).format(campaign=campaign, previous=previous))
            say(f"{database}: entries {j} of 3 in {time.monotonic() - started:.0f} s")
        for statement in rebuild:
            started = time.monotonic()
            execute(statement)
            if (seconds := time.monotonic() - started) > 5:
                say(f"{database}: {statement[:90]}… {seconds:.0f} s")
        execute("VACUUM (FREEZE, ANALYZE)")
        execute("CHECKPOINT")
    say(f"{database}: {server.sql('SELECT pg_size_pretty(pg_database_size(current_database()))', database=database)}")


def _drop_indexes(connection: psycopg.Connection) -> list[str]:
    """Drops every index and foreign key of the two tables; the statements that make them again."""
    constraints = connection.execute(
        "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid), contype"
        " FROM pg_constraint WHERE contype IN ('p', 'u', 'f') AND (conrelid = ANY (%s::regclass[])"
        " OR confrelid = ANY (%s::regclass[])) ORDER BY contype = 'f' DESC",
        [list(TABLES), list(TABLES)],
    ).fetchall()
    again = []
    for table, name, definition, kind in constraints:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        # What is loaded fits: it is not read once more.
        again.append(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}{' NOT VALID' if kind == 'f' else ''}")
    indexes = connection.execute(
        "SELECT indexdef, quote_ident(indexname) FROM pg_indexes WHERE tablename = ANY (%s)", [list(TABLES)]
    ).fetchall()
    for _definition, name in indexes:
        connection.execute(f"DROP INDEX {name}")
    keys = [statement for statement in again if "FOREIGN KEY" not in statement]
    foreign = [statement for statement in again if "FOREIGN KEY" in statement]
    return [*keys, *(definition for definition, _name in indexes), *foreign]
