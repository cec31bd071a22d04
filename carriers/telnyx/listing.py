"""Telnyx's lists, for an import: brands, campaigns (its own and shared ones), and the account's numbers.

Sources: team-telnyx/telnyx-python src/telnyx/types/messaging_10dlc/{brand_list,campaign_list}_response.py,
telnyx_downstream_campaign.py, src/telnyx/types/{phone_number_list_params,phone_number_detailed}.py.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from carriers.base import (
    OTHER_NETWORKS,
    Assignment,
    AssignmentPage,
    AssignmentState,
    CampaignApproval,
    CampaignDecision,
    CarrierUnavailable,
    ListedBrand,
    ListedCampaign,
    Registration,
    carriers_date,
    carriers_name,
)
from carriers.http import Answer
from carriers.telnyx import json_format
from carriers.telnyx.campaign_ids import CampaignIds
from carriers.telnyx.json_format import KnownCampaign

Records = Callable[[str, Mapping[str, str]], Iterator[object]]
"""Yields the records of a list below /v2/10dlc/."""

NUMBERS_A_PAGE = 250
"""The most that Telnyx documents for its list of numbers."""
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


def brands(records: Records) -> Iterator[ListedBrand]:
    """See `CarrierAccount.brands`."""
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
    """See `CarrierAccount.campaigns`."""
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


def number_pages(get: Callable[[Mapping[str, str]], Answer], position: int) -> Iterator[AssignmentPage]:
    """See `CarrierAccount.number_pages`. The position is the number of the page before."""
    while True:
        position += 1
        page = {"page[number]": str(position), "page[size]": str(NUMBERS_A_PAGE)}
        answer = get({**page, "filter[status]": "active", "sort": "phone_number"})
        if not json_format.is_success(answer):
            json_format.raise_error(answer)
        records, pages, total = json_format.read_number_page(answer.body)
        numbers = [record["phone_number"] for record in records if _is_number(record)]
        listed = [Assignment(number, None, AssignmentState.UNKNOWN) for number in numbers]
        is_last = position >= pages or not records
        yield AssignmentPage(listed, None if is_last else position, len(records) - len(listed), total)
        if is_last:
            return


def _is_number(record: object) -> bool:
    return isinstance(record, dict) and isinstance(record.get("phone_number"), str)


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
