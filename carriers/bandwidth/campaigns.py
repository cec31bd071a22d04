"""What Bandwidth says of a campaign.

Source: Bandwidth/api-docs, site/docs/messaging/campaign-management/imports/imports-api.mdx and csp/campaign-api.mdx (an
account has campaigns of the one or of the other kind), site/specs/numbers_v2.yml (`SecondaryDcaSharingStatus`).
"""

from xml.etree.ElementTree import Element

from carriers.bandwidth.xml_format import text_of, unreadable
from carriers.base import CampaignDecision

KINDS = (
    ("campaignManagement/10dlc/campaigns/imports", "LongCodeImportCampaignResponse", "ImportedCampaign"),
    ("campaignManagement/10dlc/campaigns", "CampaignResponse", "Campaign"),
)
"""Path, root of the answer, and its element: campaigns that were imported, and those that Bandwidth registered."""
NOT_FOUND_CODES = ("12189", "12822", "1011")
"""No such campaign; no such id could be; the id is too long."""
FEATURE_IS_OFF = "12055"
_ENDED = ("EXPIRED", "DEACTIVATED", "SUSPENDED", "INACTIVE")


def read_status(root: Element, name: str, tcr_campaign_id: str) -> CampaignDecision:
    """Whether the campaign `name` in this answer takes traffic. Raises CarrierUnavailable if it is another campaign.

    The reading is ours, and approves only what nobody objects to: it is ACTIVE, Bandwidth as the second DCA (direct
    connect aggregator) has accepted it, and so have all mobile operators (`MnoStatus`: APPROVED, REVIEW, REJECTED,
    SUSPENDED). An answer without operators approves too: Bandwidth imports only what all of them have approved.
    """
    campaign = root.find(name)
    if campaign is None or text_of(campaign, "CampaignId") != tcr_campaign_id:
        raise unreadable()
    status = (text_of(campaign, "Status") or "").upper()
    if not status:
        raise unreadable()
    shared = (text_of(campaign, "SecondaryDcaSharingStatus") or "").upper()
    # Some of Bandwidth's examples put all operators into one MnoStatus.
    operators = {(element.text or "").strip().upper() for element in campaign.iterfind("MnoStatusList//Status")}
    if "REJECTED" in (status, *operators) or shared in ("DECLINED", "REJECTED"):
        return CampaignDecision.REJECTED
    if status in _ENDED or "SUSPENDED" in operators:
        return CampaignDecision.SUSPENDED
    if status == "ACTIVE" and shared in ("ACCEPTED", "") and operators <= {"APPROVED"}:
        return CampaignDecision.APPROVED
    return CampaignDecision.PENDING
