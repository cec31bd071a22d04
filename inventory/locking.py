"""The locks of a load, taken before anything is decided."""

from django.db.backends.utils import CursorWrapper

# One load at a time: two of them would meet on rows that neither has yet.
_ONE_LOAD_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('numbers.load_inventory'))"

# The same lock, in the same order of ids, as phone_numbers.services.locking takes; by a join, since an IN list of a
# hundred thousand ids takes longer than the load. Numbers come before organizations, brands and campaigns, on which
# the foreign keys of an attach wait while it holds its number.
_NUMBERS = """
SELECT count(*)
FROM (
    SELECT p.id
    FROM numbers_phonenumber p
    JOIN inventory_phone_numbers s ON s.id = p.id
    ORDER BY p.id
    FOR NO KEY UPDATE OF p
) locked
"""


def wait_for_other_loads(cursor: CursorWrapper) -> None:
    """Holds other loads off until the transaction ends."""
    cursor.execute(_ONE_LOAD_AT_A_TIME)


def lock_staged_phone_numbers(cursor: CursorWrapper) -> None:
    """Locks the document's numbers that exist, until the transaction ends."""
    cursor.execute(_NUMBERS)
