"""What a brand can refuse."""

from agentmessage.errors import DomainError, ErrorCode


class BrandNotVerified(DomainError):
    """The campaign's brand is neither VERIFIED nor VETTED_VERIFIED (rule 4 of the attach)."""

    code = ErrorCode.BRAND_NOT_VERIFIED
