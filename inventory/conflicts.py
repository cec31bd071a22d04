"""What is stored that contradicts a document. Everything is checked before anything is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.backends.utils import CursorWrapper

from accounts.models import Organization
from agentmessage.errors import shown
from campaigns.selectors import campaigns_in_use
from inventory.reading import Inventory, Place, Problem, entries
from inventory.schema import KINDS, MODELS, Stored
from phone_numbers.models import only_account


def find_conflicts(
    cursor: CursorWrapper, inventory: Inventory, stored: Stored, *, campaigns: frozenset[tuple[UUID, UUID]]
) -> list[Problem]:
    """Return every conflict, in the order of the document.

    `campaigns` are those of the staged numbers, each with the organization that names it.
    """
    problems = [
        *_slugs(inventory),
        *_foreign(inventory, "brands", stored),
        *_foreign(inventory, "campaigns", stored),
        *_tcr_ids(inventory, "brands"),
        *_tcr_ids(inventory, "campaigns"),
        *_tcr_ids_in_use(inventory, stored),
        *_brands_of_campaigns(inventory, stored),
        *_phone_numbers(cursor),
        *_campaigns_of_phone_numbers(cursor, inventory, stored, campaigns),
    ]
    return sorted(problems, key=_position)


def _position(problem: Problem) -> tuple[int, int, int]:
    """Return the organization, kind and index of an entry. The problems of one entry keep their order."""
    _root, organization, *inner = problem.place
    if len(inner) == 1:
        return int(organization), 0, 0
    return int(organization), list(KINDS).index(str(inner[0])), int(inner[1])


def _slugs(inventory: Inventory) -> Iterator[Problem]:
    slugs = [organization["slug"] for organization in inventory]
    holders = dict(Organization.objects.filter(slug__in=slugs).values_list("slug", "id"))
    for place, organization, _entry in entries(inventory, "organizations"):
        holder = holders.get(organization["slug"], organization["id"])
        if holder != organization["id"]:
            yield Problem((*place, "slug"), f"{shown(organization['slug'])} is the slug of the organization {holder}")


def _foreign(inventory: Inventory, kind: str, stored: Stored) -> Iterator[Problem]:
    for place, organization, entry in entries(inventory, kind):
        row = stored[kind].get(entry["id"])
        if row is not None and row.organization_id != organization["id"]:
            yield Problem((*place, "id"), f"{shown(entry['id'])} is a {kind[:-1]} of another organization")


def _tcr_ids(inventory: Inventory, kind: str) -> Iterator[Problem]:
    key = f"tcr_{kind[:-1]}_id"
    given = [entry[key] for _place, _organization, entry in entries(inventory, kind) if entry.get(key)]
    rows = MODELS[kind]._default_manager.filter(**{f"{key}__in": given}).values_list("organization_id", key, "id")
    holders = {(organization_id, tcr_id): holder for organization_id, tcr_id, holder in rows}
    for place, organization, entry in entries(inventory, kind):
        holder = holders.get((organization["id"], entry.get(key)), entry["id"])
        if holder != entry["id"]:
            yield Problem((*place, key), f"{shown(entry[key])} is that of the {kind[:-1]} {holder}")


def _tcr_ids_in_use(inventory: Inventory, stored: Stored) -> Iterator[Problem]:
    """Yield TCR IDs that change while numbers are on the campaign: by the ID the carrier knows what they are on."""
    key = "tcr_campaign_id"
    changed = {
        entry["id"]: (place, entry[key])
        for place, _organization, entry in entries(inventory, "campaigns")
        if key in entry and getattr(stored["campaigns"].get(entry["id"]), key, None) not in (None, entry[key])
    }
    for campaign in campaigns_in_use(changed):
        place, new = changed[campaign.id]
        sentence = f"{shown(new)} cannot replace {shown(campaign.tcr_campaign_id)} while numbers are on the campaign"
        yield Problem((*place, key), f"{sentence}; detach them, correct the ID, and attach them again")


def _brands_of_campaigns(inventory: Inventory, stored: Stored) -> Iterator[Problem]:
    known = _known(inventory, "brands", stored)
    for place, organization, entry in entries(inventory, "campaigns"):
        if (organization["id"], entry["brand_id"]) not in known:
            sentence = f"{shown(entry['brand_id'])} is not a brand of this organization"
            yield Problem((*place, "brand_id"), sentence)


def _known(inventory: Inventory, kind: str, stored: Stored) -> set[tuple[UUID, UUID]]:
    """Return the brands or campaigns that may be referred to, each with its organization."""
    new = {(organization["id"], entry["id"]) for _place, organization, entry in entries(inventory, kind)}
    return new | {(row.organization_id, row.id) for row in stored[kind].values()}


# Phone numbers, of which there are many: SQL finds the staged ones at fault.


@dataclass(frozen=True, slots=True)
class _Check:
    """A statement that returns the place of an entry and the words of the sentence about its key."""

    key: str
    sentence: str
    statement: str


_CHECKS = (
    _Check(
        "id",
        '"{}" is a number of another organization',
        """
        SELECT s.organization_index, s.entry_index, s.id
        FROM inventory_phone_numbers s
        JOIN numbers_phonenumber p ON p.id = s.id AND p.organization_id <> s.organization_id
        """,
    ),
    _Check(
        "number",
        '"{}" is the number of the ID {}, which has to get another number first',
        """
        SELECT s.organization_index, s.entry_index, s.number, p.id
        FROM inventory_phone_numbers s JOIN numbers_phonenumber p ON p.number = s.number AND p.id <> s.id
        """,
    ),
    # What the carrier says of the number that it knows would be taken for the state of the other one.
    _Check(
        "number",
        '"{}" ({}) cannot replace "{}" ({}), which the carrier has on a campaign '
        "or is being asked about; detach the number, correct it once the carrier has confirmed, and attach it again",
        """
        SELECT s.organization_index, s.entry_index, s.number, s.number_type, p.number, p.number_type
        FROM inventory_phone_numbers s JOIN numbers_phonenumber p ON p.id = s.id
        WHERE (p.number, p.number_type) <> (s.number, s.number_type) AND numbers_phonenumber_is_in_use(p.id)
        """,
    ),
    _Check(
        "carrier",
        '"{}" cannot replace "{}" while the number is on a campaign or on its way off one; '
        "detach it, and move it once the carrier has confirmed",
        """
        SELECT s.organization_index, s.entry_index, s.carrier, p.carrier
        FROM inventory_phone_numbers s JOIN numbers_phonenumber p ON p.id = s.id
        WHERE p.carrier <> s.carrier AND numbers_phonenumber_is_bound(p.id)
        """,
    ),
    # The carrier is being asked for something else, which its answer would then be taken for.
    _Check(
        "propagated",
        "cannot be true while the number is on another campaign or on its way off one; "
        "detach it, and load it again once the carrier has confirmed",
        """
        SELECT s.organization_index, s.entry_index
        FROM inventory_phone_numbers s JOIN numbers_phonenumber p ON p.id = s.id
        WHERE s.propagated AND p.campaign_id IS DISTINCT FROM s.campaign_id AND numbers_phonenumber_is_bound(p.id)
        """,
    ),
    _Check(
        "carrier",
        "is required for a new number, because there are several accounts and none is named default",
        """
        SELECT s.organization_index, s.entry_index
        FROM inventory_phone_numbers s LEFT JOIN numbers_phonenumber p ON p.id = s.id
        WHERE p.id IS NULL AND s.carrier IS NULL AND %(is_required)s
        """,
    ),
)
_ON_CAMPAIGNS = """
SELECT organization_index, entry_index, campaign_id
FROM inventory_phone_numbers
WHERE (organization_id, campaign_id) IN (SELECT * FROM unnest(%(organizations)s::uuid[], %(campaigns)s::uuid[]))
"""


def _phone_numbers(cursor: CursorWrapper) -> Iterator[Problem]:
    for check in _CHECKS:
        cursor.execute(check.statement, {"is_required": only_account() not in settings.CARRIERS})
        for organization, index, *words in cursor.fetchall():
            yield Problem((*_phone_number_place(organization, index), check.key), check.sentence.format(*words))


def _campaigns_of_phone_numbers(
    cursor: CursorWrapper, inventory: Inventory, stored: Stored, campaigns: frozenset[tuple[UUID, UUID]]
) -> Iterator[Problem]:
    unknown = campaigns - _known(inventory, "campaigns", stored)
    if unknown:
        organizations, ids = (list(column) for column in zip(*unknown, strict=True))
        cursor.execute(_ON_CAMPAIGNS, {"organizations": organizations, "campaigns": ids})
        for organization, index, campaign_id in cursor.fetchall():
            sentence = f"{shown(campaign_id)} is not a campaign of this organization"
            yield Problem((*_phone_number_place(organization, index), "campaign_id"), sentence)


def _phone_number_place(organization: int, index: int) -> Place:
    return ("organizations", organization, "phone_numbers", index)
