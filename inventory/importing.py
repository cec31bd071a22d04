"""Import what a carrier account has: brands, their campaigns, the numbers, and which campaign each number is on.

It is read first (`carrier_pages`), compared with what is stored, and applied as an inventory: all of it or nothing.
Numbers that the carrier has on a campaign arrive as propagated, so nothing is sent.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from accounts.actors import Actor
from accounts.models import Organization
from agentmessage.ids import uuid7
from brands.models import TCR_BRAND_ID, Brand, IdentityStatus
from campaigns.models import TCR_CAMPAIGN_ID, Campaign, CarrierStatus, Usecase
from carriers.base import Assignment, AssignmentState, Carrier, ListedBrand, ListedCampaign
from inventory.carrier_pages import forget_pages, read_list
from inventory.load import load_entries
from inventory.merge import Counts, InventoryCounts
from inventory.models import CarrierPage
from inventory.schema import OrganizationEntry
from inventory.staging import Report, Stage
from phone_numbers.e164 import to_e164, type_of
from phone_numbers.models import LineOptionStatus, NumberState, PhoneNumber
from propagation.services.reading import Asker

_BATCH = 10_000
_NOT_ASSIGNED = {
    AssignmentState.PENDING: "on its way at the carrier; import again once it has arrived",
    AssignmentState.UNKNOWN: "the carrier does not say whether it is on the campaign",
}


class ImportRefused(Exception):
    """Nothing can be imported; the message says why."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A row that is left as it is, and why."""

    kind: str
    name: str
    reason: str


@dataclass(slots=True)
class ImportReport:
    """What an import has done, or would do. `elsewhere`: numbers of other brands and of other organizations.

    `unassigned`: numbers on no campaign that were left, because it is not known whose they are. `unreadable`: records.
    """

    brands: Counts
    campaigns: Counts
    phone_numbers: Counts
    attached: int
    conflicts: list[Conflict]
    elsewhere: int
    unassigned: int
    unreadable: int


def account_brands(carrier: Carrier, slug: str) -> list[tuple[ListedBrand, str | None]]:
    """Return the account's brands, each with the slug of the organization that has it: this one, or else another.

    Raises ListUnavailable, CarrierRefused, CarrierUnavailable.
    """
    listed = Asker().ask(lambda: list(carrier.brands()))
    usable = [brand for brand in listed if re.fullmatch(TCR_BRAND_ID, brand.tcr_brand_id)]
    ids = [brand.tcr_brand_id for brand in usable]
    rows = Brand.objects.filter(tcr_brand_id__in=ids).values_list("tcr_brand_id", "organization__slug")
    holders = dict(sorted(rows, key=lambda row: row[1] == slug))
    return [(brand, holders.get(brand.tcr_brand_id)) for brand in usable]


def import_from_carrier(
    *,
    carrier: Carrier,
    slug: str,
    tcr_brand_ids: Collection[str],
    with_unassigned: bool = False,
    dry_run: bool = False,
    show: Report,
) -> ImportReport:
    """Import brands of the account into the organization, which is created if there is none with this slug.

    Numbers on no campaign come along if all brands of the account are the organization's, or with `with_unassigned`.
    A dry run writes the same and rolls back. It keeps what it has read for an hour, for the import itself.

    Raises:
        ImportRefused: A brand is not in the account, or is another organization's.
        ListUnavailable, CarrierRefused, CarrierUnavailable, ListKeepsChanging: Nothing was changed; what was read is
            kept for the next import.
        InventoryRefused, django.db.DatabaseError: Something was changed here meanwhile; nothing was imported.
    """
    listed = account_brands(carrier, slug)
    _refuse_brands(listed, slug, tcr_brand_ids)
    is_all = all(holder == slug or brand.tcr_brand_id in tcr_brand_ids for brand, holder in listed)
    takes_unassigned = with_unassigned or is_all
    asker = Asker()
    campaigns = asker.ask(lambda: list(carrier.campaigns(tcr_brand_ids)))
    read = partial(read_list, carrier.name, asker=asker, progress=partial(show, Stage.READING))
    # Numbers first: one that is put on a campaign meanwhile is not taken for one without.
    numbers = read(CarrierPage.Listing.NUMBERS, carrier.number_pages) if takes_unassigned else None
    assignments = read(CarrierPage.Listing.ASSIGNMENTS, carrier.assignment_pages)
    plan = _Plan(carrier.name, slug, read_at=assignments.read_at)
    plan.add_brands([brand for brand, _holder in listed if brand.tcr_brand_id in tcr_brand_ids])
    plan.add_campaigns(campaigns)
    # A number on no campaign may be that of a record that cannot be read.
    takes_unassigned = takes_unassigned and not assignments.unreadable
    plan.add_numbers((numbers.assignments if numbers else {}) | assignments.assignments, takes_unassigned)
    counts = load_entries([plan.entry], actor=Actor.for_import(carrier.name), report=show, dry_run=dry_run)
    if not dry_run:
        forget_pages(carrier.name)
    return plan.report(counts, unreadable=assignments.unreadable + (numbers.unreadable if numbers else 0))


def _refuse_brands(listed: list[tuple[ListedBrand, str | None]], slug: str, tcr_brand_ids: Collection[str]) -> None:
    holders = {brand.tcr_brand_id: holder for brand, holder in listed}
    for tcr_brand_id in tcr_brand_ids:
        if tcr_brand_id not in holders:
            raise ImportRefused(f"The account has no brand {tcr_brand_id}.")
        if holders[tcr_brand_id] not in (None, slug):
            raise ImportRefused(f"{tcr_brand_id} is a brand of the organization {holders[tcr_brand_id]}.")


@dataclass(slots=True)
class _Plan:
    """The inventory that an import loads, and what it leaves."""

    account: str
    slug: str
    read_at: datetime
    entry: OrganizationEntry = field(init=False)
    conflicts: list[Conflict] = field(default_factory=list)
    unchanged: int = 0
    elsewhere: int = 0
    unassigned: int = 0
    _is_new: bool = field(init=False)
    _brands: dict[str, UUID] = field(default_factory=dict)
    _campaigns: dict[str, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        stored = Organization.objects.filter(slug=self.slug).first()
        self._is_new = stored is None
        organization = stored or Organization(id=uuid7(), name="", slug=self.slug)
        self.entry = {"id": organization.id, "name": organization.name, "slug": organization.slug}

    def add_brands(self, listed: list[ListedBrand]) -> None:
        """Add the brands. A name is the carrier's only as long as there is none here."""
        stored = _by_tcr_id(Brand.objects.filter(organization_id=self.entry["id"]), "tcr_brand_id", listed)
        entries: list[Any] = []
        for brand in listed:
            row = stored.get(brand.tcr_brand_id)
            self._brands[brand.tcr_brand_id] = uuid7() if row is None else row.id
            entry = {
                "id": self._brands[brand.tcr_brand_id],
                "name": (brand.name or brand.tcr_brand_id) if row is None else row.name,
                "tcr_brand_id": brand.tcr_brand_id,
            }
            if brand.identity_status in IdentityStatus.values:
                entry["identity_status"] = brand.identity_status
            entries.append(entry)
        self.entry["brands"] = entries
        if self._is_new:
            self.entry["name"] = entries[0]["name"][:200]

    def add_campaigns(self, listed: list[ListedCampaign]) -> None:
        """Add the campaigns of the brands that have been added."""
        stored = _by_tcr_id(Campaign.objects.filter(organization_id=self.entry["id"]), "tcr_campaign_id", listed)
        entries: dict[str, Any] = {}
        for campaign in listed:
            row = stored.get(campaign.tcr_campaign_id)
            if (reason := self._why_not(campaign, row)) is not None:
                self.conflicts.append(Conflict("campaign", campaign.tcr_campaign_id, reason))
                continue
            entries[campaign.tcr_campaign_id] = self._campaign(campaign, row)
            self._campaigns[campaign.tcr_campaign_id] = entries[campaign.tcr_campaign_id]["id"]
        self.entry["campaigns"] = list(entries.values())

    def add_numbers(self, assignments: dict[str, Assignment], takes_unassigned: bool) -> None:
        """Add the numbers on the campaigns that have been added, and, if wanted, those on no campaign."""
        wanted: dict[str, Assignment] = {}
        for number, assignment in assignments.items():
            if assignment.tcr_campaign_id is not None and assignment.tcr_campaign_id not in self._campaigns:
                self.elsewhere += 1
            elif assignment.tcr_campaign_id is None and not takes_unassigned:
                self.unassigned += 1
            else:
                wanted[number] = assignment
        entries: list[Any] = []
        iterator = iter(wanted.values())
        while batch := list(islice(iterator, _BATCH)):
            stored = PhoneNumber.objects.in_bulk([assignment.number for assignment in batch], field_name="number")
            for assignment in batch:
                entries += self._number(assignment, stored.get(assignment.number))
        self.entry["phone_numbers"] = entries

    def report(self, counts: InventoryCounts, *, unreadable: int) -> ImportReport:
        """Return the report, given what the load has counted."""
        loaded = counts.phone_numbers
        return ImportReport(
            brands=counts.brands,
            campaigns=counts.campaigns,
            phone_numbers=Counts(loaded.created, loaded.updated, loaded.unchanged + self.unchanged),
            attached=counts.attached,
            conflicts=self.conflicts,
            elsewhere=self.elsewhere,
            unassigned=self.unassigned,
            unreadable=unreadable,
        )

    def _why_not(self, campaign: ListedCampaign, row: Campaign | None) -> str | None:
        if not re.fullmatch(TCR_CAMPAIGN_ID, campaign.tcr_campaign_id):
            return "not the form of a TCR campaign ID"
        if row is not None and row.brand_id != self._brands[campaign.tcr_brand_id]:
            return "a campaign of another brand here"
        if campaign.registration is None:
            return "the carrier gives it a status that it does not document"
        if campaign.usecase not in Usecase.values and row is None:
            return f"the carrier gives it the use case {campaign.usecase}, which is not TCR's"
        return None

    def _campaign(self, campaign: ListedCampaign, row: Campaign | None) -> dict[str, Any]:
        assert campaign.registration is not None  # noqa: S101  (`_why_not`.)
        entry: dict[str, Any] = {
            "id": uuid7() if row is None else row.id,
            "brand_id": self._brands[campaign.tcr_brand_id],
            "name": (campaign.name or campaign.tcr_campaign_id) if row is None else row.name,
            "usecase": campaign.usecase if campaign.usecase in Usecase.values or row is None else row.usecase,
            "status": campaign.registration.value,
            "tcr_campaign_id": campaign.tcr_campaign_id,
        }
        if campaign.decision is not None or row is None:
            entry["carrier_status"] = campaign.decision.value if campaign.decision else CarrierStatus.PENDING.value
        if campaign.expiration_date is not None:
            entry["expiration_date"] = campaign.expiration_date
        if campaign.number_pool is not None:
            entry["number_pool"] = campaign.number_pool
        return entry

    def _number(self, assignment: Assignment, stored: PhoneNumber | None) -> Iterator[dict[str, Any]]:
        """Yield the entry of a number to which something happens; count the others."""
        tcr_id = assignment.tcr_campaign_id
        campaign_id = self._campaigns[tcr_id] if tcr_id and assignment.state is AssignmentState.ASSIGNED else None
        if stored is not None and stored.organization_id not in (None, self.entry["id"]) and tcr_id is None:
            self.elsewhere += 1
            return
        try:
            reason, is_unchanged = self._compare(assignment, stored, campaign_id)
            number = to_e164(assignment.number)
        except ValidationError as error:
            reason, is_unchanged, number = str(error.message), False, ""
        if reason is not None:
            self.conflicts.append(Conflict("number", assignment.number, reason))
        elif is_unchanged:
            self.unchanged += 1
        else:
            is_kept = stored is not None and stored.state != NumberState.AVAILABLE
            entry: dict[str, Any] = {
                "id": str(uuid7() if stored is None else stored.id),
                "number": number,
                "number_type": type_of(number) if stored is None else stored.number_type,
                "state": stored.state if stored is not None and is_kept else NumberState.ASSIGNED.value,
                "carrier": self.account,
            }
            yield entry if campaign_id is None else {**entry, "campaign_id": str(campaign_id), "propagated": True}

    def _compare(
        self, assignment: Assignment, stored: PhoneNumber | None, campaign_id: UUID | None
    ) -> tuple[str | None, bool]:
        """Return why the number is left, and whether there is nothing to do."""
        is_open = assignment.tcr_campaign_id is not None and assignment.state in _NOT_ASSIGNED
        if stored is None:
            return (_NOT_ASSIGNED[assignment.state] if is_open else None), False
        if stored.organization_id not in (None, self.entry["id"]):
            return "a number of another organization here", False
        if stored.carrier != self.account:
            return f"a number of the account {stored.carrier} here", False
        if is_open:
            # What is on its way there is often on its way here too.
            is_same = stored.campaign_id == self._campaigns[str(assignment.tcr_campaign_id)]
            return (None, True) if is_same else (_NOT_ASSIGNED[assignment.state], False)
        if campaign_id is None:
            is_drift = stored.carrier_line_option_status == LineOptionStatus.PROPAGATED
            return ("on a campaign here, on none at the carrier; see reconcile_carrier" if is_drift else None), True
        if stored.campaign_id == campaign_id:
            return None, True
        if stored.campaign_id is not None:
            return "on another campaign here than at the carrier; see reconcile_carrier", False
        if stored.carrier_line_option_status is not None:
            return "on its way off a campaign here", False
        if stored.state not in (NumberState.ASSIGNED, NumberState.PENDING, NumberState.AVAILABLE):
            return f"{stored.state} here", False
        if stored.updated_at >= self.read_at:
            return "changed here since the carrier was read; import again", False
        return None, False


def _by_tcr_id(rows: Any, key: str, listed: Collection[Any]) -> dict[str, Any]:
    return {getattr(row, key): row for row in rows.filter(**{f"{key}__in": [getattr(one, key) for one in listed]})}
