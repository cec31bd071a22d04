"""The document's numbers in a temporary table beside the real one, where SQL compares and writes them set by set.

Organizations, brands and campaigns are few and go by the ORM; of them only the locks are here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Q, Value

from agentmessage.db.session import wait_for_turn
from agentmessage.ids import uuid7
from inventory.models import StagedPhoneNumber
from inventory.reading import Inventory, entries
from inventory.schema import MODELS, Stored
from phone_numbers.services.locking import lock_attached_phone_numbers


class Stage(StrEnum):
    """The parts of a load, in the words of a progress bar."""

    READING = "Reading"
    COPYING = "Copying"
    WRITING = "Writing"


# Called with the stage, how many numbers are done and how many there are; 0 of 0 where that is not known.
Report = Callable[[Stage, int, int], None]
REPORT_EVERY = 1_000

# `attachment_id` is the ID of the number's attachment, should it need one.
_CREATE = """
CREATE TEMPORARY TABLE inventory_phone_numbers (
    position integer, organization_index integer, entry_index integer, organization_id uuid,
    id uuid, number text, number_type text, state text, carrier text,
    label text, inbound_url text, status_url text, campaign_id uuid,
    label_given boolean, inbound_url_given boolean, status_url_given boolean, campaign_id_given boolean,
    propagated boolean, attachment_id uuid
)
"""
_DROP = "DROP TABLE inventory_phone_numbers"
_REMOVE = """
DELETE FROM inventory_phone_numbers
WHERE (organization_index, entry_index) IN (SELECT * FROM unnest(%(organizations)s::integer[], %(indexes)s::integer[]))
"""
# Autovacuum does not see temporary tables.
_ANALYZE = "ANALYZE inventory_phone_numbers"


def wait_for_other_loads() -> None:
    """Let one load at a time write: two of them would meet on rows that neither has yet."""
    wait_for_turn("inventory", "load")


@dataclass(frozen=True, slots=True)
class Staged:
    """The phone numbers of a document: how many, and their campaigns, each with the organization that names it."""

    total: int
    campaigns: frozenset[tuple[UUID, UUID]]


def stage_phone_numbers(cursor: CursorWrapper, inventory: Inventory, *, report: Report) -> Staged:
    """Copy the numbers into the temporary table, and return what is needed of them later.

    Their entries are removed from the inventory, so that their memory is free while the database works.
    """
    cursor.execute(_CREATE)
    total = sum(len(organization.get("phone_numbers", ())) for organization in inventory)
    with connection.wrap_database_errors, cursor.copy("COPY inventory_phone_numbers FROM STDIN") as copy:
        for row in _rows(inventory, report=report, total=total):
            copy.write_row(row)
    named = {(owner["id"], entry.get("campaign_id")) for _place, owner, entry in entries(inventory, "phone_numbers")}
    campaigns = frozenset((organization_id, UUID(campaign)) for organization_id, campaign in named if campaign)
    for organization in inventory:
        organization.pop("phone_numbers", None)
    cursor.execute(_ANALYZE)
    return Staged(total, campaigns)


def unstage_entries(cursor: CursorWrapper, places: Iterable[tuple[int, int]]) -> int:
    """Remove numbers, each by the indexes of its organization and its entry. Return how many they were."""
    organizations, indexes = (list(column) for column in zip(*places, strict=True))
    cursor.execute(_REMOVE, {"organizations": organizations, "indexes": indexes})
    return int(cursor.rowcount)


def unstage(cursor: CursorWrapper) -> None:
    """Drop the temporary table. After a refusal there is no need: it goes with the transaction."""
    cursor.execute(_DROP)


def _rows(inventory: Inventory, *, report: Report, total: int) -> Iterator[tuple[Any, ...]]:
    optional = ("label", "inbound_url", "status_url", "campaign_id")
    for position, (place, organization, entry) in enumerate(entries(inventory, "phone_numbers")):
        if position % REPORT_EVERY == 0:
            report(Stage.COPYING, position, total)
        yield (
            *(position, place[1], place[3], organization["id"]),
            *(entry["id"], entry["number"], entry["number_type"], entry.get("state")),
            *(entry.get("carrier"), *map(entry.get, optional)),
            *(key in entry for key in optional),
            entry.get("propagated", False),
            uuid7(),
        )


def lock_staged_phone_numbers() -> None:
    """Lock the document's numbers that exist, until the transaction ends.

    Numbers come before organizations, brands and campaigns, for which the foreign keys of an attach wait while it holds
    its number.
    """
    staged = Q(id__in=StagedPhoneNumber.objects.values("phone_number_id"))
    # Nothing of the rows is needed here, of which there may be a hundred thousand.
    list(lock_attached_phone_numbers(staged).values_list(Value(1)))


def lock_stored_rows(inventory: Inventory, staged: Staged) -> Stored:
    """Return the organizations, brands and campaigns that the document names and that exist.

    They are locked until the transaction ends, those that are only referred to as well: none of them is deleted while
    the load writes.
    """
    ids = {kind: {entry["id"] for _place, _organization, entry in entries(inventory, kind)} for kind in MODELS}
    ids["brands"] |= {entry["brand_id"] for _place, _organization, entry in entries(inventory, "campaigns")}
    ids["campaigns"] |= {campaign_id for _organization_id, campaign_id in staged.campaigns}
    stored: Stored = {}
    for kind, model in MODELS.items():
        rows = model._default_manager.select_for_update(no_key=True).filter(pk__in=ids[kind]).order_by("pk")
        stored[kind] = {row.pk: row for row in rows}
    return stored
