"""Has a worker look at an order now, because its carrier said that there is news."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from agentmessage.ids import parse_uuid

_WAKE = """
UPDATE propagation_carrierorder o SET next_look_at = statement_timestamp()
WHERE o.ended_at IS NULL AND o.sent_at IS NOT NULL AND o.next_look_at > statement_timestamp()
  AND (o.id = ANY (%(ids)s) OR o.id IN (
      SELECT a.order_id FROM numbers_phonenumber p
      JOIN numbers_campaignattachment a ON a.phone_number_id = p.id AND a.status = 'submitted'
      WHERE p.number = ANY (%(numbers)s)
  ))
"""


def wake_orders(*, order_ids: Sequence[str] = (), numbers: Sequence[str] = ()) -> int:
    """How many open orders are looked at sooner for it. What is no order of ours, or has ended, is left alone.

    The news itself is not taken over: whoever told it, the carrier is asked. So it may come twice, late or forged.
    """
    ids: list[UUID] = [identifier for text in order_ids if (identifier := parse_uuid(text)) is not None]
    with connection.cursor() as cursor:
        cursor.execute(_WAKE, {"ids": ids, "numbers": list(numbers)})
        woken: int = cursor.rowcount
    return woken
