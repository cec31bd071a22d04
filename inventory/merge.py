"""Write an inventory: organizations, brands and campaigns by the ORM, phone numbers set by set.

Rows that exist and differ are updated, rows that are missing are inserted, in separate statements. A row that appears
in between belongs to another writer and stops the load, where ON CONFLICT would take it over.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from accounts.actors import Actor
from campaigns.models import Campaign, CarrierStatus
from inventory.reading import Inventory, Place, entries
from inventory.schema import MODELS, Stored
from phone_numbers.models import LineOptionStatus, NumberState, only_account
from phone_numbers.services.assignment import Move, move_many

_BATCH = 1_000
_BATCH_OF_MOVES = 10_000


@dataclass(frozen=True, slots=True)
class Counts:
    """The entries of one kind, by what happened to their rows."""

    created: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class InventoryCounts:
    """The entries of a document. `attached` and `detached` count the attachments that were written."""

    organizations: Counts
    brands: Counts
    campaigns: Counts
    phone_numbers: Counts
    attached: int
    detached: int

    @property
    def is_empty(self) -> bool:
        """Whether the file has no entries."""
        return self.organizations == self.phone_numbers == Counts(0, 0, 0)

    @property
    def changed(self) -> int:
        """How many rows were created or updated."""
        kinds = (self.organizations, self.brands, self.campaigns, self.phone_numbers)
        return sum(kind.created + kind.updated for kind in kinds)


class Change(NamedTuple):
    """What a load does to one row: the old and new values of what differs, by their column."""

    place: Place
    kind: str
    id: UUID
    name: str
    is_new: bool
    differences: dict[str, tuple[Any, Any]]


Note = Callable[[Change], None]


# What a new row has that leaves it out: the carrier takes the campaign.
_DEFAULTS: dict[str, dict[str, Any]] = {"campaigns": {"carrier_status": CarrierStatus.APPROVED.value}}


def merge_rows(inventory: Inventory, kind: str, stored: Stored, *, now: datetime, note: Note | None = None) -> Counts:
    """Write the organizations, brands or campaigns. The caller holds the locks of those that exist."""
    model = MODELS[kind]
    columns = {field.attname for field in model._meta.concrete_fields}
    created: list[Model] = []
    updated: list[Model] = []
    fields: set[str] = set()
    total = 0
    for position, (place, organization, entry) in enumerate(entries(inventory, kind)):
        total += 1
        values = {key: value for key, value in entry.items() if key in columns}
        if "organization_id" in columns:
            values["organization_id"] = organization["id"]
        row = stored[kind].get(entry["id"])
        old = {key: getattr(row, key, None) for key in values}
        differences = {key: (old[key], value) for key, value in values.items() if old[key] != value}
        if row is None:
            # New rows keep the order of the document.
            values["created_at"] = now + timedelta(microseconds=position)
            created.append(model(**_DEFAULTS.get(kind, {}) | values))
        elif differences:
            differing = {key: values[key] for key in differences}
            if "updated_at" in columns:
                differing["updated_at"] = now
            for key, value in differing.items():
                setattr(row, key, value)
            fields |= differing.keys()
            updated.append(row)
        else:
            continue
        if note is not None:
            note(Change(place, kind, entry["id"], entry["name"], row is None, differences))
    model._default_manager.bulk_create(created, batch_size=_BATCH)
    if updated:
        # These rows exist and are locked, so that each is a conflict. `bulk_update` takes several times as long.
        model._default_manager.bulk_create(
            updated, batch_size=_BATCH, update_conflicts=True, unique_fields=["id"], update_fields=fields
        )
    return Counts(created=len(created), updated=len(updated), unchanged=total - len(created) - len(updated))


# Phone numbers. What happens to each of them is decided once, as a row of a plan.

# A number that is AVAILABLE has no organization; its history is that of the one that gave it up. What a document leaves
# out is unchanged, unless the number changes hands: one tenant's URLs are not for the next. A CSV may leave out the
# state; a number that comes out of stock is then assigned. Numbers to which nothing happens are not in the plan.
_PLAN = """
CREATE TEMPORARY TABLE inventory_plan AS
SELECT s.position, s.organization_index, s.entry_index,
    s.id, whose.organization_id, s.number, s.number_type, whose.state, wanted.carrier,
    wanted.label, wanted.inbound_url, wanted.status_url, wanted.campaign_id,
    s.propagated, s.attachment_id, s.organization_id AS history_organization_id, p.campaign_id AS previous_campaign_id,
    p.id IS NULL AS is_new,
    wanted.campaign_id IS DISTINCT FROM p.campaign_id AS is_moved,
    -- New numbers keep the order of the document. A change is later than the row's last one.
    CASE
        WHEN p.id IS NULL THEN %(now)s::timestamptz + s.position * interval '1 microsecond'
        ELSE greatest(%(now)s::timestamptz, p.updated_at + interval '1 microsecond')
    END AS at
FROM inventory_phone_numbers s
LEFT JOIN numbers_phonenumber p ON p.id = s.id
CROSS JOIN LATERAL (
    SELECT given.state, CASE WHEN given.state <> %(available)s THEN s.organization_id END AS organization_id
    FROM (SELECT coalesce(s.state, nullif(p.state, %(available)s), %(assigned)s) AS state) given
) whose
CROSS JOIN LATERAL (SELECT p.organization_id IS NOT DISTINCT FROM whose.organization_id AS stays) hands
CROSS JOIN LATERAL (
    SELECT coalesce(s.carrier, p.carrier, %(carrier)s) AS carrier,
        CASE WHEN s.label_given THEN s.label WHEN hands.stays THEN p.label END AS label,
        CASE WHEN s.inbound_url_given THEN s.inbound_url WHEN hands.stays THEN p.inbound_url END AS inbound_url,
        CASE WHEN s.status_url_given THEN s.status_url WHEN hands.stays THEN p.status_url END AS status_url,
        CASE WHEN s.campaign_id_given THEN s.campaign_id WHEN hands.stays THEN p.campaign_id END AS campaign_id
) wanted
WHERE p.id IS NULL
    OR (
        p.organization_id, p.number, p.number_type, p.state, p.carrier, p.label, p.inbound_url, p.status_url,
        p.campaign_id
    ) IS DISTINCT FROM (
        whose.organization_id, s.number, s.number_type, whose.state, wanted.carrier,
        wanted.label, wanted.inbound_url, wanted.status_url, wanted.campaign_id
    )
"""
_COUNTS = """
SELECT count(*), count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE is_moved AND campaign_id IS NOT NULL),
    count(*) FILTER (WHERE is_moved AND campaign_id IS NULL)
FROM inventory_plan
"""
_COMPARED = (
    "organization_id", "number", "number_type", "state", "carrier", "label", "inbound_url", "status_url", "campaign_id",
)  # fmt: skip
_CHANGES = f"""
SELECT plan.organization_index, plan.entry_index, plan.id, plan.number, plan.is_new,
    {", ".join(f"p.{name}" for name in _COMPARED)}, {", ".join(f"plan.{name}" for name in _COMPARED)}
FROM inventory_plan plan
LEFT JOIN numbers_phonenumber p ON p.id = plan.id
ORDER BY plan.position
"""  # noqa: S608  (The names above.)
_MOVES = """
SELECT id, at, attachment_id, number_type, carrier, propagated,
    history_organization_id::text, previous_campaign_id::text, campaign_id::text
FROM inventory_plan
WHERE is_moved AND (campaign_id IS NOT NULL) = %(is_attach)s
ORDER BY position
"""
# Only where something other than the campaign differs.
_UPDATE = """
UPDATE numbers_phonenumber p
SET organization_id = plan.organization_id,
    number = plan.number,
    number_type = plan.number_type,
    state = plan.state,
    carrier = plan.carrier,
    label = plan.label,
    inbound_url = plan.inbound_url,
    status_url = plan.status_url,
    updated_at = plan.at
FROM inventory_plan plan
WHERE p.id = plan.id
    AND (
        p.organization_id, p.number, p.number_type, p.state, p.carrier, p.label, p.inbound_url, p.status_url
    ) IS DISTINCT FROM (
        plan.organization_id, plan.number, plan.number_type, plan.state, plan.carrier,
        plan.label, plan.inbound_url, plan.status_url
    )
"""
# With the campaign at once: writing each row twice would double the time of a first load.
_INSERT = """
INSERT INTO numbers_phonenumber (
    id, organization_id, number, number_type, state, carrier, label, inbound_url, status_url, campaign_id,
    carrier_line_option_status, carrier_line_option_propagated_at, current_attachment_id,
    sms_enabled, mms_enabled, created_at, updated_at
)
SELECT id, organization_id, number, number_type, state, carrier, label, inbound_url, status_url, campaign_id,
    CASE WHEN is_moved AND propagated THEN %(propagated)s WHEN is_moved THEN %(pending)s END,
    CASE WHEN is_moved AND propagated THEN at END, CASE WHEN is_moved THEN attachment_id END, true, true, at, at
FROM inventory_plan
WHERE is_new
ORDER BY position
"""


def plan_phone_numbers(cursor: CursorWrapper, *, now: datetime, total: int) -> tuple[Counts, int, int]:
    """Plan what to do with the staged numbers, and return the counts and how many will be attached and detached."""
    states = {"available": NumberState.AVAILABLE.value, "assigned": NumberState.ASSIGNED.value}
    cursor.execute(_PLAN, {"now": now, "carrier": only_account(), **states})
    cursor.execute("ANALYZE inventory_plan")
    cursor.execute(_COUNTS)
    planned, created, attached, detached = cursor.fetchone()
    return Counts(created=created, updated=planned - created, unchanged=total - planned), attached, detached


def planned_changes(cursor: CursorWrapper) -> Iterator[Change]:
    """Yield the changes of the plan, which has not been written."""
    cursor.execute(_CHANGES)
    for organization, index, phone_number_id, number, is_new, *values in cursor.fetchall():
        pairs = zip(_COMPARED, values, values[len(_COMPARED) :], strict=False)
        differences = {name: (old, new) for name, old, new in pairs if old != new}
        place = ("organizations", organization, "phone_numbers", index)
        yield Change(place, "phone_numbers", phone_number_id, number, is_new, differences)


def write_phone_numbers(cursor: CursorWrapper, *, actor: Actor, now: datetime) -> None:
    """Write what is planned. The caller holds the locks of the numbers that exist."""
    # In this order: a number in stock has no campaign, and one that comes out of stock has an organization first. The
    # attachments of new numbers come before their rows, which refer to them.
    _write_moves(cursor, is_attach=False, actor=actor, now=now)
    cursor.execute(_UPDATE)
    _write_moves(cursor, is_attach=True, actor=actor, now=now)
    cursor.execute(
        _INSERT, {"pending": LineOptionStatus.PENDING.value, "propagated": LineOptionStatus.PROPAGATED.value}
    )
    cursor.execute("DROP TABLE inventory_plan")


def _write_moves(cursor: CursorWrapper, *, is_attach: bool, actor: Actor, now: datetime) -> None:
    """Write the planned attaches or detaches."""
    cursor.execute(_MOVES, {"is_attach": is_attach})
    # Organizations and campaigns are few. Their IDs arrive as text, since psycopg would make a UUID of each occurrence.
    parse = cache(UUID)
    campaigns: dict[str | None, Campaign | None] = {None: None}
    while rows := cursor.fetchmany(_BATCH_OF_MOVES):
        unread = {campaign for *_, campaign in rows} - campaigns.keys()
        campaigns.update({str(campaign_id): row for campaign_id, row in Campaign.objects.in_bulk(unread).items()})
        moves = [
            Move(
                organization_id=parse(organization),
                phone_number_id=phone_number_id,
                number_type=number_type,
                carrier=carrier,
                previous_campaign_id=parse(previous) if previous else None,
                campaign=campaigns[campaign],
                at=at,
                due_at=now,
                is_propagated=propagated,
                attachment_id=attachment_id,
            )
            for (
                phone_number_id,
                at,
                attachment_id,
                number_type,
                carrier,
                propagated,
                organization,
                previous,
                campaign,
            ) in rows
        ]
        move_many(moves, actor=actor)
