"""What an API key can refuse."""

from agentmessage.errors import DomainError, ErrorCode


class MissingScope(DomainError):
    """The caller's key would give away a scope that it does not have itself."""

    code = ErrorCode.FORBIDDEN
