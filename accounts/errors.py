"""Errors of API keys."""

from agentmessage.errors import DomainError, ErrorCode


class MissingScope(DomainError):
    """The caller's key cannot grant a scope that it does not have itself."""

    code = ErrorCode.FORBIDDEN
