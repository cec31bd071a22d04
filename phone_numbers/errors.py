"""What a phone number can refuse."""

from agentmessage.errors import DomainError, ErrorCode


class NumberNotAssigned(DomainError):
    """The number is in any state but ASSIGNED (rule 6 of the attach)."""

    code = ErrorCode.NUMBER_NOT_ASSIGNED


class NumberTypeNotEligible(DomainError):
    """Numbers of this type are not attached here (checked after rule 6, where types are restricted)."""

    code = ErrorCode.NUMBER_TYPE_NOT_ELIGIBLE


class NotFailed(DomainError):
    """There is no failed propagation to send again."""

    code = ErrorCode.NOT_FAILED
