"""Phone numbers and the history of their campaigns, from the temporary table into their own.

What becomes of each number is worked out once, as a row of a plan; the writes only carry it out. The effects of a move
are those of phone_numbers.services.assignment, for many numbers at once.
"""

from datetime import datetime
from typing import NamedTuple

from django.db.backends.utils import CursorWrapper

from accounts.actors import Actor
from campaigns.models import CarrierStatus
from phone_numbers.models import AttachmentStatus, LineOptionStatus, NumberState
from phone_numbers.services.inventory.counts import Counts

_PLAN_TABLE = """
CREATE TEMPORARY TABLE inventory_plan (
    id uuid, organization_id uuid, number text, number_type text, state text,
    label text, inbound_url text, status_url text, campaign_id uuid,
    attachment_id uuid, history_organization_id uuid, previous_campaign_id uuid,
    is_new boolean, is_moved boolean, at timestamptz
)
"""

# A number that is AVAILABLE has no organization; its history is that of the one that gave it up. What a document leaves
# out stays as it is, unless the number changes hands: one tenant's URLs are not for the next. Numbers to which nothing
# happens are not in the plan.
_PLAN = """
INSERT INTO inventory_plan
SELECT s.id, whose.organization_id, s.number, s.number_type, s.state,
    wanted.label, wanted.inbound_url, wanted.status_url, wanted.campaign_id,
    s.attachment_id, s.organization_id, p.campaign_id,
    p.id IS NULL, wanted.campaign_id IS DISTINCT FROM p.campaign_id,
    -- New numbers keep the order of the document. A change is later than the row's last one even if another machine's
    -- clock runs ahead.
    CASE
        WHEN p.id IS NULL THEN %(now)s::timestamptz + s.position * interval '1 microsecond'
        ELSE greatest(%(now)s::timestamptz, p.updated_at + interval '1 microsecond')
    END
FROM inventory_phone_numbers s
LEFT JOIN numbers_phonenumber p ON p.id = s.id
CROSS JOIN LATERAL (
    SELECT CASE WHEN s.state <> %(available)s THEN s.organization_id END AS organization_id
) whose
CROSS JOIN LATERAL (SELECT p.organization_id IS NOT DISTINCT FROM whose.organization_id AS stays) hands
CROSS JOIN LATERAL (
    SELECT CASE WHEN s.label_given THEN s.label WHEN hands.stays THEN p.label END AS label,
        CASE WHEN s.inbound_url_given THEN s.inbound_url WHEN hands.stays THEN p.inbound_url END AS inbound_url,
        CASE WHEN s.status_url_given THEN s.status_url WHEN hands.stays THEN p.status_url END AS status_url,
        CASE WHEN s.campaign_id_given THEN s.campaign_id WHEN hands.stays THEN p.campaign_id END AS campaign_id
) wanted
WHERE p.id IS NULL
    OR (
        p.organization_id, p.number, p.number_type, p.state, p.label, p.inbound_url, p.status_url, p.campaign_id
    ) IS DISTINCT FROM (
        whose.organization_id, s.number, s.number_type, s.state,
        wanted.label, wanted.inbound_url, wanted.status_url, wanted.campaign_id
    )
ORDER BY s.position
"""

# History comes before the numbers, whose current attachment it is; its own key to the number is checked at the commit.
# Nothing is due while the carrier has not approved the campaign.
_INSERT_HISTORY = """
INSERT INTO numbers_campaignattachment (
    id, organization_id, phone_number_id, campaign_id, previous_campaign_id,
    actor_kind, actor_id, request_id, created_at, status, attempts, next_attempt_at
)
SELECT plan.attachment_id, plan.history_organization_id, plan.id, plan.campaign_id, plan.previous_campaign_id,
    %(actor_kind)s, %(actor_id)s, %(request_id)s, plan.at, %(attachment_pending)s, 0,
    CASE WHEN plan.campaign_id IS NULL OR c.carrier_status = %(approved)s THEN plan.at END
FROM inventory_plan plan
LEFT JOIN campaigns_campaign c ON c.organization_id = plan.organization_id AND c.id = plan.campaign_id
WHERE plan.is_moved
"""

_UPDATE = """
UPDATE numbers_phonenumber p
SET organization_id = plan.organization_id,
    number = plan.number,
    number_type = plan.number_type,
    state = plan.state,
    label = plan.label,
    inbound_url = plan.inbound_url,
    status_url = plan.status_url,
    campaign_id = plan.campaign_id,
    carrier_line_option_status = CASE
        WHEN NOT plan.is_moved THEN p.carrier_line_option_status
        WHEN plan.campaign_id IS NULL THEN %(removing)s
        ELSE %(pending)s
    END,
    carrier_line_option_propagated_at = CASE WHEN NOT plan.is_moved THEN p.carrier_line_option_propagated_at END,
    current_attachment_id = CASE WHEN plan.is_moved THEN plan.attachment_id ELSE p.current_attachment_id END,
    updated_at = plan.at
FROM inventory_plan plan
WHERE p.id = plan.id AND NOT plan.is_new
"""

_INSERT = """
INSERT INTO numbers_phonenumber (
    id, organization_id, number, number_type, state, label, inbound_url, status_url, campaign_id,
    carrier_line_option_status, current_attachment_id, sms_enabled, mms_enabled, created_at, updated_at
)
SELECT plan.id, plan.organization_id, plan.number, plan.number_type, plan.state,
    plan.label, plan.inbound_url, plan.status_url, plan.campaign_id,
    CASE WHEN plan.is_moved THEN %(pending)s END, CASE WHEN plan.is_moved THEN plan.attachment_id END,
    true, true, plan.at, plan.at
FROM inventory_plan plan
WHERE plan.is_new
"""

_COUNT_MOVES = """
SELECT count(*) FILTER (WHERE campaign_id IS NOT NULL), count(*) FILTER (WHERE campaign_id IS NULL)
FROM inventory_plan
WHERE is_moved
"""


class Merged(NamedTuple):
    """What became of the numbers, and how many went onto a campaign or off one."""

    counts: Counts
    attached: int
    detached: int


def merge_phone_numbers(cursor: CursorWrapper, *, actor: Actor, now: datetime, total: int) -> Merged:
    """Writes the staged numbers, of which there are `total`. The caller has locked those that exist."""
    parameters: dict[str, datetime | str | None] = {
        "now": now,
        "available": NumberState.AVAILABLE.value,
        "approved": CarrierStatus.APPROVED.value,
        "attachment_pending": AttachmentStatus.PENDING.value,
        "pending": LineOptionStatus.PENDING.value,
        "removing": LineOptionStatus.REMOVING.value,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "request_id": actor.request_id,
    }
    cursor.execute(_PLAN_TABLE)
    cursor.execute(_PLAN, parameters)
    cursor.execute("ANALYZE inventory_plan")
    cursor.execute(_INSERT_HISTORY, parameters)
    cursor.execute(_UPDATE, parameters)
    updated = cursor.rowcount
    cursor.execute(_INSERT, parameters)
    created = cursor.rowcount
    cursor.execute(_COUNT_MOVES)
    attached, detached = cursor.fetchone()
    cursor.execute("DROP TABLE inventory_plan")
    return Merged(Counts(created=created, updated=updated, unchanged=total - created - updated), attached, detached)
