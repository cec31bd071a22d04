"""Load an inventory: the use case."""

from django.db import connection, transaction

from accounts.actors import Actor
from agentmessage.db.session import database_now
from inventory.conflicts import refuse_conflicts
from inventory.merge import InventoryCounts, merge_phone_numbers, merge_rows
from inventory.reading import Inventory, read_inventory
from inventory.schema import MODELS
from inventory.staging import (
    Report,
    Stage,
    lock_staged_phone_numbers,
    lock_stored_rows,
    stage_phone_numbers,
    unstage,
    wait_for_other_loads,
)

# After so many changes the planner's statistics are wrong.
_ANALYZE_FROM = 1_000
# Skipped where another session (a vacuum) holds the table, since it updates them too.
_ANALYZE = """
ANALYZE (SKIP_LOCKED)
    accounts_organization, brands_brand, campaigns_campaign, numbers_phonenumber, numbers_campaignattachment
"""


def _silent(stage: Stage, done: int, total: int) -> None:
    """Discard the report."""


def load_inventory(*, document: bytes, actor: Actor, report: Report = _silent) -> InventoryCounts:
    """Make the database agree with a document, all of it or nothing.

    What the document does not name is left alone, and loading a document again changes nothing. Numbers are put on
    their campaigns without the rules of an attach: an inventory may have a number on an expired campaign.

    Raises:
        InventoryRefused: With the places in the document.
        django.db.DatabaseError: Another writer came in between: a constraint, or a lock that was not granted in time.
    """
    report(Stage.READING, 0, 0)
    return load_entries(read_inventory(document), actor=actor, report=report)


def load_entries(
    inventory: Inventory, *, actor: Actor, report: Report = _silent, dry_run: bool = False
) -> InventoryCounts:
    """Load the entries of a document. Its numbers are removed from it. A dry run does the same, and rolls back.

    Raises as `load_inventory`.
    """
    with transaction.atomic(durable=True):
        counts = _write(inventory, actor=actor, report=report)
        transaction.set_rollback(dry_run)
    if dry_run:
        return counts
    if counts.changed >= _ANALYZE_FROM:
        with connection.cursor() as cursor:
            cursor.execute(_ANALYZE)
    return counts


def _write(inventory: Inventory, *, actor: Actor, report: Report) -> InventoryCounts:
    with connection.cursor() as cursor:
        wait_for_other_loads()
        staged = stage_phone_numbers(cursor, inventory, report=report)
        report(Stage.WRITING, 0, 0)
        lock_staged_phone_numbers()
        stored = lock_stored_rows(inventory, staged)
        refuse_conflicts(inventory, stored, campaigns=staged.campaigns)
        now = database_now()
        rows = {kind: merge_rows(inventory, kind, stored, now=now) for kind in MODELS}
        phone_numbers, attached, detached = merge_phone_numbers(cursor, actor=actor, now=now, total=staged.total)
        unstage(cursor)
    return InventoryCounts(**rows, phone_numbers=phone_numbers, attached=attached, detached=detached)
