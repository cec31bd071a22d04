"""What a campaign can refuse."""

from agentmessage.errors import DomainError, ErrorCode


class CampaignNotActive(DomainError):
    """The campaign's status is anything but ACTIVE (rule 3 of the attach)."""

    code = ErrorCode.CAMPAIGN_NOT_ACTIVE


class CampaignNumberLimit(DomainError):
    """The campaign has as many numbers as its limit allows (checked after rule 6, where it is enforced)."""

    code = ErrorCode.CAMPAIGN_NUMBER_LIMIT
