"""The floor: what the answers cost with a pool of psycopg, raw SQL and orjson on lean tables, and nothing else.

A bare WSGI function of three routes. It looks the key up, runs the statements, renders the answer; of the rules it
checks only that the rows exist. `BENCH_DATABASE_URL` is a database of `lean.sql`.
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

KEY = "SELECT organization_id, scopes FROM api_key WHERE digest = %s AND revoked_at IS NULL"
CAMPAIGN = """
SELECT campaign.status, brand.status FROM campaign JOIN brand ON brand.id = brand_id
WHERE campaign.organization_id = %s AND campaign.id = %s
"""
COLUMNS = (
    "id", "number", "number_type", "inbound_url", "status_url", "label", "campaign_id", "carrier_line_option_status",
    "carrier_line_option_propagated_at", "sms_enabled", "mms_enabled", "created_at", "updated_at",
)  # fmt: skip
NUMBER = f"SELECT {', '.join(COLUMNS)} FROM phone_number WHERE organization_id = %s AND id = %s"
LOCK = f"{NUMBER} FOR NO KEY UPDATE"
HISTORY = "INSERT INTO attachment (id, phone_number_id, campaign_id, previous_campaign_id) VALUES (%s, %s, %s, %s)"
MOVE = f"""
UPDATE phone_number SET campaign_id = %s, carrier_line_option_status = 'pending',
    carrier_line_option_propagated_at = NULL, updated_at = now()
WHERE id = %s RETURNING {", ".join(COLUMNS)}
"""
LIMIT = 100
PAGE = f"""
SELECT {", ".join(COLUMNS)} FROM phone_number WHERE organization_id = %s
ORDER BY created_at DESC, id DESC LIMIT {LIMIT + 1}
"""
COUNT = "SELECT count(*) FROM phone_number WHERE organization_id = %s"

_pool = ConnectionPool(
    os.environ["BENCH_DATABASE_URL"],
    min_size=2,
    max_size=8,
    open=True,
    kwargs={"autocommit": True, "prepare_threshold": 1},
)


def application(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """POST /v1/phone-numbers/{id}/campaign, GET /v1/phone-numbers/{id}, GET /v1/phone-numbers?limit=100."""
    parts = environ["PATH_INFO"].split("/")
    digest = hashlib.sha256(environ["HTTP_AUTHORIZATION"].removeprefix("Bearer ").encode()).hexdigest()
    with _pool.connection() as connection:
        key = connection.execute(KEY, [digest]).fetchone()
        assert key
        if environ["REQUEST_METHOD"] == "POST":
            campaign_id = orjson.loads(environ["wsgi.input"].read())["campaign_id"]
            answer: dict[str, Any] = {"data": _attach(connection, key[0], parts[3], campaign_id)}
        elif len(parts) > 3:
            answer = {"data": _shown(connection.execute(NUMBER, [key[0], parts[3]]).fetchone())}
        else:
            rows = connection.execute(PAGE, [key[0]]).fetchall()
            count = connection.execute(COUNT, [key[0]]).fetchone()
            answer = {
                "data": [_shown(row) for row in rows[:LIMIT]],
                "meta": {"total": count and count[0], "limit": LIMIT},
            }
    body = orjson.dumps({"success": True} | answer, option=orjson.OPT_UTC_Z)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _attach(connection: Connection[TupleRow], organization: Any, number_id: str, campaign_id: str) -> dict[str, Any]:
    with connection.transaction():
        campaign = connection.execute(CAMPAIGN, [organization, campaign_id]).fetchone()
        assert campaign == ("ACTIVE", "VERIFIED")
        row = connection.execute(LOCK, [organization, number_id]).fetchone()
        assert row
        if str(row[6]) != campaign_id:
            connection.execute(HISTORY, [uuid7(), number_id, campaign_id, row[6]])
            row = connection.execute(MOVE, [campaign_id, number_id]).fetchone()
    return _shown(row)


def _shown(row: TupleRow | None) -> dict[str, Any]:
    return dict(zip(COLUMNS, row or (), strict=True))
