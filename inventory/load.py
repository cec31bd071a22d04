"""Load an inventory: the use case."""

from collections.abc import Sequence

from django.db import connection, transaction

from accounts.actors import Actor
from agentmessage.db.session import database_now
from inventory.conflicts import find_conflicts
from inventory.merge import InventoryCounts, merge_rows, plan_phone_numbers, planned_changes, write_phone_numbers
from inventory.numbers_csv import Parsed, read_file
from inventory.preview import Preview
from inventory.reading import LINE, Inventory, InventoryRefused, Place, Problem
from inventory.schema import MODELS
from inventory.staging import (
    Report,
    Stage,
    lock_staged_phone_numbers,
    lock_stored_rows,
    stage_phone_numbers,
    unstage,
    unstage_entries,
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


def load_inventory(
    *, document: bytes, actor: Actor, report: Report = _silent, dry_run: bool = False
) -> InventoryCounts:
    """Make the database agree with a document or a CSV of numbers, all of it or nothing.

    What the file does not name is left alone, and loading it again changes nothing. Numbers are put on their campaigns
    without the rules of an attach: an inventory may have a number on an expired campaign.

    Raises:
        InventoryRefused: With the places in the file.
        django.db.DatabaseError: Another writer came in between: a constraint, or a lock that was not granted in time.
    """
    report(Stage.READING, 0, 0)
    return _load(read_file(document), actor=actor, report=report, dry_run=dry_run)


def load_entries(
    inventory: Inventory, *, actor: Actor, report: Report = _silent, dry_run: bool = False
) -> InventoryCounts:
    """Load the entries of a document. Its numbers are removed from it.

    Raises as `load_inventory`.
    """
    return _load(Parsed(inventory), actor=actor, report=report, dry_run=dry_run)


def _load(parsed: Parsed, *, actor: Actor, report: Report, dry_run: bool) -> InventoryCounts:
    if parsed.problems:
        raise InventoryRefused(problems=parsed.problems)
    with transaction.atomic(durable=True):
        counts = apply_file(parsed, actor=actor, report=report, dry_run=dry_run)
        transaction.set_rollback(dry_run)
    return counts


def apply_file(
    parsed: Parsed, *, actor: Actor, report: Report = _silent, dry_run: bool = False, preview: Preview | None = None
) -> InventoryCounts:
    """Load what has been read of a file, as a part of the caller's transaction.

    A dry run leaves out the numbers. It writes organizations, brands and campaigns, for the caller to roll back.

    Raises as `load_inventory`, and:
        PreviewOutdated: It would not be what was confirmed.
    """
    inventory, problems = parsed.inventory, parsed.problems
    with connection.cursor() as cursor:
        wait_for_other_loads()
        staged = stage_phone_numbers(cursor, inventory, report=report)
        report(Stage.WRITING, 0, 0)
        if not dry_run:
            lock_staged_phone_numbers()
        stored = lock_stored_rows(inventory, staged)
        conflicts = find_conflicts(inventory, stored, campaigns=staged.campaigns)
        problems = [*parsed.problems, *(Problem(_in_file(place, parsed.lines), said) for place, said in conflicts)]
        total = staged.total
        if conflicts:
            places = {(int(place[1]), int(place[3])) for place, _ in conflicts if place[2:3] == ("phone_numbers",)}
            # Without refused numbers the others can be previewed, but not what depends on a refused campaign.
            if preview is None or len(places) < len({place[:4] for place, _ in conflicts}):
                raise InventoryRefused(problems=problems)
            total -= unstage_entries(cursor, places)
        now = database_now()
        note = None if preview is None else preview.note
        # A CSV names organizations and changes none.
        named = [] if parsed.lines else inventory
        rows = {kind: merge_rows(named, kind, stored, now=now, note=note) for kind in MODELS}
        phone_numbers, attached, detached = plan_phone_numbers(cursor, now=now, total=total)
        counts = InventoryCounts(**rows, phone_numbers=phone_numbers, attached=attached, detached=detached)
        if preview is not None:
            preview.counts, preview.problems = counts, problems
            for change in planned_changes(cursor):
                preview.note(change._replace(place=_in_file(change.place, parsed.lines)))
            preview.check()
        if not dry_run:
            write_phone_numbers(cursor, actor=actor, now=now)
            unstage(cursor)
            if counts.changed >= _ANALYZE_FROM:
                cursor.execute(_ANALYZE)
    return counts


def _in_file(place: Place, lines: Sequence[Sequence[int]]) -> Place:
    """Return the line of an entry, if the file is a CSV."""
    if not lines or len(place) < 4:
        return place
    _root, organization, _kind, index, *key = place
    return (LINE, lines[int(organization)][int(index)], *key)
