"""Makes due what waited for a campaign on which the carrier has now decided.

Nobody has to announce a decision: whoever writes `carrier_status`, and whenever, this finds the rows that still wait.
So an approval that commits between an attach's reading of the campaign and its own commit is not missed.
"""

from django.db import connection

# For each campaign one look into the index of what waits, however many rows of it wait.
_DECIDED = """
SELECT c.id, c.carrier_status = 'APPROVED'
FROM campaigns_campaign c
CROSS JOIN LATERAL (
    SELECT 1 FROM numbers_campaignattachment a
    WHERE a.campaign_id = c.id AND a.next_attempt_at IS NULL
      AND (a.status = 'pending'
           OR a.status = 'failed' AND a.failure_code IN ('CAMPAIGN_REJECTED', 'CAMPAIGN_SUSPENDED')
              AND c.carrier_status = 'APPROVED')
    LIMIT 1
) AS waiting
WHERE c.carrier_status <> 'PENDING'
"""

# A batch at a time, oldest first.
_WAKE = """
WITH waiting AS (
    SELECT id, status FROM numbers_campaignattachment
    WHERE campaign_id = %(campaign)s AND next_attempt_at IS NULL
      AND (status = 'pending'
           OR status = 'failed' AND failure_code IN ('CAMPAIGN_REJECTED', 'CAMPAIGN_SUSPENDED') AND %(approved)s)
    ORDER BY id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE numbers_campaignattachment a
SET next_attempt_at = statement_timestamp(), status = 'pending'
FROM waiting WHERE a.id = waiting.id
RETURNING a.id, a.phone_number_id, waiting.status = 'failed'
"""

# The numbers follow in a statement of their own: whoever locks both locks numbers first. If this one is lost, the
# outcome of the attempt puts it right.
_PENDING_AGAIN = """
UPDATE numbers_phonenumber
SET carrier_line_option_status = 'pending',
    updated_at = greatest(statement_timestamp(), updated_at + interval '1 microsecond')
WHERE id = ANY (%(numbers)s) AND current_attachment_id = ANY (%(attachments)s) AND carrier_line_option_status = 'failed'
"""
_BATCH = 10_000


def wake_decided() -> int:
    """How many attachments are due now that were not before. Does at most a batch for each campaign."""
    with connection.cursor() as cursor:
        cursor.execute(_DECIDED)
        woken = 0
        for campaign_id, is_approved in cursor.fetchall():
            cursor.execute(_WAKE, {"campaign": campaign_id, "approved": is_approved, "limit": _BATCH})
            rows = cursor.fetchall()
            woken += len(rows)
            failed = [row for row in rows if row[2]]
            if failed:
                cursor.execute(
                    _PENDING_AGAIN, {"attachments": [row[0] for row in failed], "numbers": [row[1] for row in failed]}
                )
    return woken
