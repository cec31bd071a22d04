"""What a phone number can refuse."""

from agentmessage.errors import DomainError, ErrorCode


class NumberNotAssigned(DomainError):
    """The number is in any state but ASSIGNED (rule 6 of the attach)."""

    code = ErrorCode.NUMBER_NOT_ASSIGNED
    message = "number is not assigned"


class NotFailed(DomainError):
    """There is no failed propagation to send again."""

    code = ErrorCode.NOT_FAILED
    message = "propagation has not failed"
