"""What a phone number can refuse."""

from agentmessage.errors import DomainError, ErrorCode, PreconditionFailed


class NumberNotAssigned(DomainError):
    """The number is in any state but ASSIGNED (rule 6 of the attach)."""

    code = ErrorCode.NUMBER_NOT_ASSIGNED


class NumberTypeNotEligible(DomainError):
    """Numbers of this type are not attached here (checked after rule 6, where types are restricted)."""

    code = ErrorCode.NUMBER_TYPE_NOT_ELIGIBLE


class NotFailed(DomainError):
    """There is no failed propagation to retry."""

    code = ErrorCode.NOT_FAILED


class ChangedMeanwhile(PreconditionFailed):
    """The number is no longer on the campaign on which it was seen when the change was confirmed."""

    def __init__(self) -> None:
        super().__init__("changed meanwhile: the number is no longer where it was when this was confirmed")
