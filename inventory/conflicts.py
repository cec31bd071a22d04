"""What is stored that contradicts a document. Everything is checked before anything is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q

from accounts.models import Organization
from agentmessage.errors import shown
from campaigns.selectors import campaigns_in_use
from inventory.models import StagedPhoneNumber
from inventory.reading import Inventory, Place, Problem, entries
from inventory.schema import KINDS, MODELS, Stored
from phone_numbers.models import PhoneNumber, only_account


def find_conflicts(inventory: Inventory, stored: Stored, *, campaigns: frozenset[tuple[UUID, UUID]]) -> list[Problem]:
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
        *_phone_numbers(),
        *_campaigns_of_phone_numbers(inventory, stored, campaigns),
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
        message = f"{shown(new)} cannot replace {shown(campaign.tcr_campaign_id)} while numbers are on the campaign"
        yield Problem((*place, key), f"{message}; detach them, correct the ID, and attach them again")


def _brands_of_campaigns(inventory: Inventory, stored: Stored) -> Iterator[Problem]:
    known = _known(inventory, "brands", stored)
    for place, organization, entry in entries(inventory, "campaigns"):
        if (organization["id"], entry["brand_id"]) not in known:
            message = f"{shown(entry['brand_id'])} is not a brand of this organization"
            yield Problem((*place, "brand_id"), message)


def _known(inventory: Inventory, kind: str, stored: Stored) -> set[tuple[UUID, UUID]]:
    """Return the brands or campaigns that may be referred to, each with its organization."""
    new = {(organization["id"], entry["id"]) for _place, organization, entry in entries(inventory, kind)}
    return new | {(row.organization_id, row.id) for row in stored[kind].values()}


# Phone numbers, of which there are many: the database finds the staged ones at fault.


@dataclass(frozen=True, slots=True)
class _Check:
    """Which staged numbers are at fault, and a message about their key with words of their rows."""

    key: str
    message: str
    at_fault: Q
    words: tuple[str, ...] = ()


def _calls(function: str) -> Func:
    """Return the condition that a function of the database returns true for the stored number."""
    return Func("phone_number_id", function=function, output_field=BooleanField())


_IS_IN_USE, _IS_BOUND = _calls("numbers_phonenumber_is_in_use"), _calls("numbers_phonenumber_is_bound")
_CHECKS = (
    _Check(
        "id",
        '"{}" is a number of another organization',
        Q(phone_number__organization__isnull=False) & ~Q(phone_number__organization_id=F("organization_id")),
        ("phone_number_id",),
    ),
    _Check(
        "number",
        '"{}" is the number of the ID {}, which has to get another number first',
        ~Q(holder__id=F("phone_number_id")),
        ("holder__number", "holder__id"),
    ),
    # What the carrier says of the number that it knows would be taken for the state of the other one.
    _Check(
        "number",
        '"{}" ({}) cannot replace "{}" ({}), which the carrier has on a campaign '
        "or is being asked about; detach the number, correct it once the carrier has confirmed, and attach it again",
        ~Q(phone_number__number=F("holder_id"), phone_number__number_type=F("number_type")) & Q(_IS_IN_USE),
        ("holder_id", "number_type", "phone_number__number", "phone_number__number_type"),
    ),
    _Check(
        "carrier",
        '"{}" cannot replace "{}" while the number is on a campaign or on its way off one; '
        "detach it, and move it once the carrier has confirmed",
        Q(carrier__isnull=False) & ~Q(phone_number__carrier=F("carrier")) & Q(_IS_BOUND),
        ("carrier", "phone_number__carrier"),
    ),
    # The carrier is being asked for something else, which its answer would then be taken for.
    _Check(
        "propagated",
        "cannot be true while the number is on another campaign or on its way off one; "
        "detach it, and load it again once the carrier has confirmed",
        Q(propagated=True) & ~Q(phone_number__campaign_id=F("campaign_id")) & Q(_IS_BOUND),
    ),
)
_NO_ACCOUNT = _Check(
    "carrier",
    "is required for a new number, because there are several accounts and none is named default",
    Q(~Exists(PhoneNumber.objects.filter(id=OuterRef("phone_number_id"))), carrier__isnull=True),
)


def _phone_numbers() -> Iterator[Problem]:
    checks = _CHECKS if only_account() in settings.CARRIERS else (*_CHECKS, _NO_ACCOUNT)
    for check in checks:
        at_fault = StagedPhoneNumber.objects.filter(check.at_fault)
        for organization, index, *words in at_fault.values_list("organization_index", "entry_index", *check.words):
            yield Problem((*_phone_number_place(organization, index), check.key), check.message.format(*words))


def _campaigns_of_phone_numbers(
    inventory: Inventory, stored: Stored, campaigns: frozenset[tuple[UUID, UUID]]
) -> Iterator[Problem]:
    unknown = campaigns - _known(inventory, "campaigns", stored)
    staged = StagedPhoneNumber.objects.filter(campaign_id__in={campaign_id for _owner, campaign_id in unknown})
    columns = ("organization_id", "campaign_id", "organization_index", "entry_index")
    for organization_id, campaign_id, organization, index in staged.values_list(*columns):
        if (organization_id, campaign_id) in unknown:
            message = f"{shown(campaign_id)} is not a campaign of this organization"
            yield Problem((*_phone_number_place(organization, index), "campaign_id"), message)


def _phone_number_place(organization: int, index: int) -> Place:
    return ("organizations", organization, "phone_numbers", index)
