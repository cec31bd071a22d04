"""Load an inventory: the use case."""

from datetime import UTC, datetime

from django.db import connection, transaction

from accounts.actors import Actor
from inventory.conflicts import refuse_conflicts
from inventory.counts import InventoryCounts
from inventory.document import Inventory, read_inventory
from inventory.kinds import BRANDS, CAMPAIGNS, ORGANIZATIONS, PHONE_NUMBERS
from inventory.locking import lock_staged_phone_numbers, wait_for_other_loads
from inventory.phone_numbers import merge_phone_numbers
from inventory.progress import Report, Stage, silent
from inventory.staging import stage, unstage
from inventory.tenants import merge_brands, merge_campaigns, merge_organizations

# So many changes at once turn what the planner knows of the tables into fiction.
_ANALYZE_FROM = 1_000
# Skipped where somebody else (a vacuum) holds the table: it would do the same.
_ANALYZE = """
ANALYZE (SKIP_LOCKED)
    accounts_organization, brands_brand, campaigns_campaign, numbers_phonenumber, numbers_campaignattachment
"""


def load_inventory(*, document: bytes, actor: Actor, report: Report = silent) -> InventoryCounts:
    """Makes the database say what the document says, all of it or nothing, and tells what that took.

    What the document does not name is left alone; loading the same document again changes nothing. Numbers are put on
    their campaigns as they are, not by the rules of an attach: an inventory may hold a number on an expired campaign.
    docs/adr/0006 has the whole meaning.

    Raises InventoryRefused, with the places in the document, and django.db.DatabaseError where another writer came in
    between (a constraint, a lock that was not to be had in time).
    """
    inventory = read_inventory(document, report=report)
    with transaction.atomic(durable=True):
        counts = _write(inventory, actor=actor, report=report)
    if counts.changed >= _ANALYZE_FROM:
        with connection.cursor() as cursor:
            cursor.execute(_ANALYZE)
    return counts


def _write(inventory: Inventory, *, actor: Actor, report: Report) -> InventoryCounts:
    totals = {name: len(rows) for name, rows in inventory.items()}
    with connection.cursor() as cursor:
        wait_for_other_loads(cursor)
        stage(cursor, inventory, report=report)
        report(Stage.WRITING, 0, 0)
        lock_staged_phone_numbers(cursor)
        refuse_conflicts(cursor)
        now = datetime.now(UTC)
        organizations = merge_organizations(cursor, now=now, total=totals[ORGANIZATIONS.name])
        brands = merge_brands(cursor, now=now, total=totals[BRANDS.name])
        campaigns = merge_campaigns(cursor, now=now, total=totals[CAMPAIGNS.name])
        numbers = merge_phone_numbers(cursor, actor=actor, now=now, total=totals[PHONE_NUMBERS.name])
        unstage(cursor)
    return InventoryCounts(
        organizations=organizations,
        brands=brands,
        campaigns=campaigns,
        phone_numbers=numbers.counts,
        attached=numbers.attached,
        detached=numbers.detached,
    )
