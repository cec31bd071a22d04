"""How propagation stands, in figures: for operators and for Prometheus.

All but one cost what is unsettled, not what there is.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

# What waits, by what it waits for. Each arm is one partial index.
_UNSETTLED = """
SELECT waits_for, count(*), min(created_at) FROM (
    SELECT CASE WHEN next_attempt_at > statement_timestamp() THEN 'retry' ELSE 'worker' END AS waits_for, created_at
    FROM numbers_campaignattachment WHERE next_attempt_at IS NOT NULL
    UNION ALL
    SELECT 'carrier', created_at FROM numbers_campaignattachment WHERE status = 'submitted'
    UNION ALL
    SELECT 'approval', created_at FROM numbers_campaignattachment
    WHERE next_attempt_at IS NULL AND status = 'pending'
) AS unsettled
GROUP BY waits_for
"""
_FAILURES = """
SELECT a.failure_code, count(*)
FROM numbers_campaignattachment a
JOIN numbers_phonenumber p ON p.id = a.phone_number_id AND p.current_attachment_id = a.id
WHERE a.status = 'failed'
GROUP BY a.failure_code ORDER BY 2 DESC, 1
"""
_ORDERS = "SELECT count(*) FROM propagation_carrierorder WHERE ended_at IS NULL"
_SETTLED = """
SELECT coalesce(sum(succeeded), 0), coalesce(sum(failed), 0), count(*)
FROM propagation_carrierorder WHERE ended_at > statement_timestamp() - %s * interval '1 minute'
"""
_STATES = """
SELECT coalesce(carrier_line_option_status, 'none'), count(*) FROM numbers_phonenumber GROUP BY 1
"""
WAITS_FOR = ("worker", "carrier", "retry", "approval")
MINUTES = (1, 60)


@dataclass(frozen=True, slots=True)
class Rate:
    """What ended within so many minutes."""

    minutes: int
    succeeded: int
    failed: int
    orders: int


@dataclass(frozen=True, slots=True)
class Figures:
    """How it stands now."""

    unsettled: dict[str, int]
    """Attachments by what they wait for: a worker, the carrier, the next attempt, the campaign's approval."""
    oldest: datetime | None
    """When the oldest of those was recorded that do not wait for an approval."""
    failures: dict[str, int]
    """Numbers whose propagation has failed, by code."""
    open_orders: int
    rates: tuple[Rate, ...]


def current_figures() -> Figures:
    """The figures, from the rows themselves."""
    unsettled = dict.fromkeys(WAITS_FOR, 0)
    oldest: datetime | None = None
    for waits_for, count, since in _rows(_UNSETTLED):
        unsettled[waits_for] = count
        if waits_for != "approval":
            oldest = since if oldest is None else min(oldest, since)
    return Figures(
        unsettled=unsettled,
        oldest=oldest,
        failures=dict(_rows(_FAILURES)),
        open_orders=_rows(_ORDERS)[0][0],
        rates=tuple(Rate(minutes, *_rows(_SETTLED, minutes)[0]) for minutes in MINUTES),
    )


def numbers_by_state() -> dict[str, int]:
    """All numbers by what is known of the carrier's side; this one counts every number there is."""
    return dict(_rows(_STATES))


def _rows(statement: str, *parameters: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        rows: list[Any] = cursor.fetchall()
    return rows
