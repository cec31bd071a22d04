"""Counts requests against a rate: exactly, across threads, processes and machines (docs/adr/0008)."""

from django.conf import settings

from accounts.throttling import redis_server
from accounts.throttling.usage import Usage
from agentmessage import counter
from agentmessage.rates import Rate

__all__ = ["Usage", "count_hit"]


def count_hit(subject: str, rate: Rate) -> Usage | None:
    """Counts one hit of `subject` and says where that leaves it in its window.

    None where Redis, which REDIS_URL names, does not answer: then nothing is limited. A PostgreSQL that does not answer
    raises OperationalError; the request could not go on without it anyway.
    """
    if settings.REDIS_URL:
        return redis_server.count_hit(subject, rate)
    return counter.count_hit(subject, rate)
