"""The floor: what the answers cost with a pool of psycopg, raw SQL and orjson, and nothing else.

A bare WSGI function of three routes. It looks the key up, runs the statements, renders the answer. It checks no rule,
knows no request id, writes no log. `BENCH_DATABASE_URL` says where the database is, `BENCH_POOL` how many connections.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from agentmessage.ids import uuid7
from devserver.processes import end_with_session_leader

end_with_session_leader()

KEY = "SELECT id, organization_id, scopes, expires_at, revoked_at, last_used_at FROM accounts_apikey WHERE digest = %s"
CAMPAIGN = """
SELECT c.id, c.status, c.carrier_status, b.identity_status
FROM campaigns_campaign c JOIN brands_brand b ON b.id = c.brand_id
WHERE c.organization_id = %s AND c.id = %s
"""
COLUMNS = (
    "id", "number", "number_type", "inbound_url", "status_url", "label", "campaign_id", "carrier_line_option_status",
    "carrier_line_option_propagated_at", "sms_enabled", "mms_enabled", "created_at", "updated_at",
)  # fmt: skip
NUMBER = f"SELECT {', '.join(COLUMNS)} FROM numbers_phonenumber WHERE organization_id = %s AND id = %s"
LOCK = f"{NUMBER} FOR NO KEY UPDATE"
HISTORY = """
INSERT INTO numbers_campaignattachment (id, organization_id, phone_number_id, campaign_id, previous_campaign_id,
    actor_kind, actor_id, request_id, created_at, status, attempts, next_attempt_at)
VALUES (%s, %s, %s, %s, %s, 'api_key', %s, NULL, now(), 'pending', 0, now())
"""
MOVE = f"""
UPDATE numbers_phonenumber SET campaign_id = %s, carrier_line_option_status = 'pending',
    carrier_line_option_propagated_at = NULL, current_attachment_id = %s, updated_at = now()
WHERE id = %s RETURNING {", ".join(COLUMNS)}
"""
PAGE = f"""
SELECT {", ".join(COLUMNS)} FROM numbers_phonenumber WHERE organization_id = %s AND state = 'ASSIGNED'
ORDER BY created_at DESC, id DESC LIMIT %s
"""
COUNT = "SELECT count(*) FROM numbers_phonenumber WHERE organization_id = %s AND state = 'ASSIGNED'"
LIMIT = 100

_size = int(os.environ["BENCH_POOL"])
_pool = ConnectionPool(
    os.environ["BENCH_DATABASE_URL"], min_size=_size, max_size=_size, open=True, kwargs={"autocommit": True}
)


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """POST /v1/phone-numbers/{id}/campaign, GET /v1/phone-numbers/{id}, GET /v1/phone-numbers?limit=100."""
    parts = environ["PATH_INFO"].split("/")
    digest = hashlib.sha256(environ["HTTP_AUTHORIZATION"].removeprefix("Bearer ").encode()).digest()
    with _pool.connection() as connection:
        key = connection.execute(KEY, [digest]).fetchone()
        assert key
        if environ["REQUEST_METHOD"] == "POST":
            campaign_id = orjson.loads(environ["wsgi.input"].read())["campaign_id"]
            answer: dict[str, Any] = {"data": _attach(connection, key, parts[3], campaign_id)}
        elif len(parts) > 3:
            row = connection.execute(NUMBER, [key[1], parts[3]]).fetchone()
            answer = {"data": dict(zip(COLUMNS, row or (), strict=True))}
        else:
            rows = connection.execute(PAGE, [key[1], LIMIT + 1]).fetchall()
            count = connection.execute(COUNT, [key[1]]).fetchone()
            data = [dict(zip(COLUMNS, row, strict=True)) for row in rows[:LIMIT]]
            answer = {"data": data, "meta": {"total": count and count[0], "limit": LIMIT}}
    body = orjson.dumps({"success": True} | answer, option=orjson.OPT_UTC_Z)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _attach(connection: Connection[TupleRow], key: TupleRow, number_id: str, campaign_id: str) -> dict[str, Any]:
    with connection.transaction():
        campaign = connection.execute(CAMPAIGN, [key[1], campaign_id]).fetchone()
        row = connection.execute(LOCK, [key[1], number_id]).fetchone()
        assert campaign
        assert row
        if row[6] != campaign[0]:
            entry = uuid7()
            connection.execute(HISTORY, [entry, key[1], number_id, campaign_id, row[6], str(key[0])])
            row = connection.execute(MOVE, [campaign_id, entry, number_id]).fetchone()
    return dict(zip(COLUMNS, row or (), strict=True))
