"""What a campaign can refuse."""

from agentmessage.errors import DomainError, ErrorCode


class CampaignNotActive(DomainError):
    """The campaign's status is anything but ACTIVE (rule 3 of the attach)."""

    code = ErrorCode.CAMPAIGN_NOT_ACTIVE
