"""Telnyx's campaigns: their lists and those of brands, what their statuses mean, and Telnyx's own IDs beside TCR's.

Sources: team-telnyx/telnyx-python src/telnyx/types/messaging_10dlc/{brand_list,campaign_list}_response.py,
telnyx_downstream_campaign.py, src/telnyx/types/{phone_number_list_params,phone_number_detailed}.py.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from datetime import date
from typing import Any, Protocol
from urllib.parse import quote

from carriers.base import (
    OTHER_NETWORKS,
    CampaignApproval,
    CampaignDecision,
    CarrierUnavailable,
    ListedBrand,
    ListedCampaign,
    Registration,
    carriers_date,
    carriers_name,
    unreadable,
)
from carriers.http import Answer
from carriers.telnyx import json_format
from carriers.telnyx.json_format import Assignment, KnownCampaign, is_unknown

Records = Callable[[str, Mapping[str, str]], Iterator[object]]
"""Yields the records of a list below /v2/10dlc/."""

PAGE_SIZE = 500
"""The most that Telnyx documents for its lists of brands and campaigns; for that of numbers it documents none. A server
that sends fewer is understood."""
_TCR_ID, _TCR_BRAND_ID = re.compile(r"C[0-9A-Z]{6,11}"), re.compile(r"B[0-9A-Z]{6,11}")
_DECISIONS = {
    "TCR_PENDING": CampaignDecision.PENDING,
    "TCR_ACCEPTED": CampaignDecision.PENDING,
    "TELNYX_ACCEPTED": CampaignDecision.PENDING,
    "MNO_PENDING": CampaignDecision.PENDING,
    # Accepted by the networks, not yet set up there: messages may still fail.
    "MNO_ACCEPTED": CampaignDecision.PENDING,
    "MNO_PROVISIONED": CampaignDecision.APPROVED,
    "TCR_FAILED": CampaignDecision.REJECTED,
    "TELNYX_FAILED": CampaignDecision.REJECTED,
    "MNO_REJECTED": CampaignDecision.REJECTED,
    "MNO_PROVISIONING_FAILED": CampaignDecision.REJECTED,
    "TCR_SUSPENDED": CampaignDecision.SUSPENDED,
    "TCR_EXPIRED": CampaignDecision.SUSPENDED,
}
_T_MOBILE = "10035"
# TCR has accepted the campaign in all other states.
_REGISTRATIONS = {
    "TCR_PENDING": Registration.PENDING,
    "TCR_FAILED": Registration.REJECTED,
    "TCR_EXPIRED": Registration.EXPIRED,
}


class Get(Protocol):
    """Asks Telnyx."""

    def __call__(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """The answer to a GET below /v2/10dlc/."""


class CampaignIds:
    """Map TCR's ID of a campaign to Telnyx's own, and back, as far as Telnyx's answers have shown them.

    By team-telnyx/openapi (`PhoneNumberCampaign.campaignId`) a campaign goes by its TCR ID if another provider shares
    it with Telnyx, and by Telnyx's own ID otherwise. It is not verified that Telnyx takes the TCR ID for its own
    campaigns too, so both are tried. An ID is never reused, so entries never expire; a new process learns them again.
    """

    def __init__(self, *, get: Get) -> None:
        self._get = get
        self._own_ids: dict[str, str] = {}
        self._tcr_ids: dict[str, str] = {}

    def through(self, get: Get) -> "CampaignIds":
        """Return the same map, which asks Telnyx through `get`."""
        bound = copy(self)
        bound._get = get  # noqa: SLF001  (A copy of this one.)
        return bound

    def note(self, campaign: Assignment | KnownCampaign) -> None:
        """Remember a pair that an answer has shown."""
        if campaign.campaign_id is not None and campaign.tcr_campaign_id is not None:
            self._own_ids[campaign.tcr_campaign_id] = campaign.campaign_id
            self._tcr_ids[campaign.campaign_id] = campaign.tcr_campaign_id

    def id_for(self, tcr_campaign_id: str) -> str:
        """The ID to name the campaign by, as far as it is known."""
        return self._own_ids.get(tcr_campaign_id, tcr_campaign_id)

    def tcr_id_of(self, assignment: Assignment) -> str | None:
        """The TCR ID of the number's campaign; None if Telnyx does not say. May ask Telnyx."""
        return assignment.tcr_campaign_id or self._tcr_id(assignment.campaign_id)

    def learn(self, tcr_campaign_id: str, tcr_brand_id: str | None) -> str | None:
        """Return Telnyx's own ID, found in the brand's campaigns or at a number on the campaign; None if in neither."""
        if tcr_brand_id is not None:
            self.of_brand(tcr_brand_id)
        if tcr_campaign_id not in self._own_ids:
            filters = {"filter[tcr_campaign_id]": tcr_campaign_id}
            for record in self.records("phone_number_campaigns", filters, size=1):
                self.note(json_format.assignment(record))
                break
        return self._own_ids.get(tcr_campaign_id)

    def of_brand(self, brand_id: str) -> Sequence[str]:
        """The TCR IDs of the campaigns of a brand, by TCR's ID of it or Telnyx's own."""
        own_ids = self.own_ids_of_brand(brand_id) if _TCR_BRAND_ID.fullmatch(brand_id) else [brand_id]
        campaigns = [
            json_format.campaign(record)
            for own_id in own_ids
            for record in self.records("campaign", {"brandId": own_id})
        ]
        for campaign in campaigns:
            self.note(campaign)
        return [campaign.tcr_campaign_id for campaign in campaigns if campaign.tcr_campaign_id is not None]

    def own_ids_of_brand(self, tcr_brand_id: str) -> list[str]:
        """Telnyx's own IDs of a brand: one, or none of a brand whose campaigns another provider shares."""
        brands = self.records("brand", {"tcrBrandId": tcr_brand_id})
        own_ids = (json_format.read_brand_id(brand, tcr_brand_id=tcr_brand_id) for brand in brands)
        return [own_id for own_id in own_ids if own_id is not None]

    def of_campaign(self, campaign_id: str) -> Sequence[str]:
        """The TCR ID of a campaign, by whichever ID it goes by at Telnyx."""
        tcr_id = self._tcr_id(campaign_id)
        return [] if tcr_id is None else [tcr_id]

    def read(self, tcr_campaign_id: str, tcr_brand_id: str | None) -> KnownCampaign | None:
        """The campaign, be it Telnyx's own or a shared one; None if Telnyx knows neither."""
        campaign = self._ask("campaign", self.id_for(tcr_campaign_id)) or self._ask(
            "partner_campaigns", tcr_campaign_id
        )
        if campaign is None and tcr_campaign_id not in self._own_ids:
            own_id = self.learn(tcr_campaign_id, tcr_brand_id)
            campaign = None if own_id is None else self._ask("campaign", own_id)
        if campaign is not None and campaign.tcr_campaign_id not in (None, tcr_campaign_id):
            raise unreadable()
        return campaign

    def _tcr_id(self, campaign_id: str) -> str | None:
        if _TCR_ID.fullmatch(campaign_id):
            return campaign_id
        if campaign_id not in self._tcr_ids:
            self._ask("campaign", campaign_id)
        return self._tcr_ids.get(campaign_id)

    def _ask(self, kind: str, campaign_id: str) -> KnownCampaign | None:
        answer = self._get(f"{kind}/{quote(campaign_id, safe='')}")
        # 422: an ID of another form than this endpoint's.
        if answer.status == 422:
            json_format.read_error(answer)
            return None
        if is_unknown(answer):
            return None
        campaign = json_format.read_campaign(answer)
        self.note(campaign)
        return campaign

    def records(self, path: str, filters: Mapping[str, str], *, size: int = PAGE_SIZE) -> Iterator[object]:
        """Yield the records of a list, page by page. Raises CarrierRefused, CarrierUnavailable."""
        page = seen = 0
        total = 1
        while seen < total:
            page += 1
            answer = self._get(path, {**filters, "page": str(page), "recordsPerPage": str(size)})
            if is_unknown(answer):
                return
            before = total
            records, total = json_format.read_records(answer)
            if page > 1 and total != before:
                # What was looked for may have slipped between two pages.
                raise CarrierUnavailable("Telnyx's list changed while it was read.", was_sent=False)
            if not records:
                return
            seen += len(records)
            yield from records


def brands(records: Records) -> Iterator[ListedBrand]:
    """See `Carrier.brands`."""
    found = set()
    for record in records("brand", {}):
        match record:
            case {"tcrBrandId": str() as tcr_id, **fields} if tcr_id not in found:
                found.add(tcr_id)
                name = carriers_name(fields.get("displayName"), fields.get("companyName"))
                yield ListedBrand(tcr_id, name, carriers_name(fields.get("identityStatus")))
    for record in records("partner_campaigns", {}):
        match record:
            case {"tcrBrandId": str() as tcr_id, **fields} if tcr_id not in found:
                found.add(tcr_id)
                yield ListedBrand(tcr_id, carriers_name(fields.get("brandDisplayName")), None)


def campaigns(ids: CampaignIds, tcr_brand_ids: Collection[str]) -> Iterator[ListedCampaign]:
    """See `Carrier.campaigns`."""
    for tcr_brand_id in tcr_brand_ids:
        for own_id in ids.own_ids_of_brand(tcr_brand_id):
            for record in ids.records("campaign", {"brandId": own_id}):
                yield from _campaign(record, tcr_brand_id, ids)
    for record in ids.records("partner_campaigns", {}):
        match record:
            case {"tcrBrandId": str() as tcr_brand_id} if tcr_brand_id in tcr_brand_ids:
                yield from _campaign(record, tcr_brand_id, ids)


def approval(campaign: KnownCampaign) -> CampaignApproval | None:
    """Return what Telnyx says of the campaign; None if it says nothing, or what it has not documented."""
    if campaign.status not in _DECISIONS:
        return None
    whole = _DECISIONS[campaign.status]
    if not (campaign.is_suspended or campaign.is_registered):
        return CampaignApproval(whole)
    t_mobile = CampaignDecision.SUSPENDED if campaign.is_suspended else CampaignDecision.APPROVED
    return CampaignApproval(whole, [(_T_MOBILE, t_mobile), (OTHER_NETWORKS, whole)])


def _campaign(record: object, tcr_brand_id: str, ids: CampaignIds) -> Iterator[ListedCampaign]:
    # One that cannot be read is left out.
    with suppress(CarrierUnavailable):
        known = json_format.campaign(record)
        ids.note(known)
        if isinstance(record, dict) and known.tcr_campaign_id is not None:
            said = approval(known)
            is_ended = record.get("status") == "EXPIRED"
            yield ListedCampaign(
                known.tcr_campaign_id,
                tcr_brand_id,
                name=carriers_name(record.get("description")),
                usecase=carriers_name(record.get("usecase")),
                registration=Registration.EXPIRED if is_ended else _registration(known.status) if said else None,
                decision=said.decision if said else None,
                expiration_date=_last_day(record),
                number_pool=pool if isinstance(pool := record.get("numberPool"), bool) else None,
            )


def _registration(status: Any) -> Registration:
    return _REGISTRATIONS.get(status, Registration.ACTIVE)


def _last_day(fields: Mapping[Any, Any]) -> date | None:
    """Return the date by which the campaign ends; None where it is renewed then, which is Telnyx's default."""
    return carriers_date(fields.get("nextRenewalOrExpirationDate")) if fields.get("autoRenewal") is False else None
