"""The counter in Redis, for those who would rather not write a row for each request."""

import time
from functools import cache
from typing import Protocol

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from accounts.throttling.usage import Usage
from agentmessage.rates import Rate

log = structlog.get_logger(__name__)

# Counts and reads the window's end in one step on the server. A window begins with its first hit; a key without an end
# (of a longer rate, say) gets one. Answers hits and milliseconds.
_COUNT = """
local hits = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if hits == 1 or left < 0 or left > tonumber(ARGV[1]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {hits, left}
"""
_PREFIX = "agentmessage:throttle:"
# Seconds that one request waits for Redis, and how long nobody asks it again after it did not answer.
_TIMEOUT = 0.25
_PAUSE = 5.0


class _Counter(Protocol):
    """What `register_script` makes."""

    def __call__(self, *, keys: list[str], args: list[int]) -> list[int]: ...


class _Pause:
    """Until when Redis is left alone, so that its outage costs one slow request and not every one."""

    until = 0.0


def count_hit(subject: str, rate: Rate) -> Usage | None:
    """See `accounts.throttling.count_hit`."""
    if time.monotonic() < _Pause.until:
        return None
    from redis.exceptions import RedisError  # An optional extra: only who sets REDIS_URL needs it.

    try:
        hits, left = _counter(settings.REDIS_URL)(keys=[_PREFIX + subject], args=[rate.seconds * 1000])
    except RedisError as error:
        _Pause.until = time.monotonic() + _PAUSE
        log.error("rate_limits_off", reason="redis does not answer", error=str(error))  # noqa: TRY400  (The error's words are enough.)
        return None
    return Usage(rate=rate, hits=hits, reset=max(1, -(-left // 1000)))


@cache
def _counter(url: str) -> _Counter:
    try:
        import redis  # As above.
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise ImproperlyConfigured("REDIS_URL needs the package redis (the extra `redis`).") from error
    client = redis.Redis.from_url(
        url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=Retry(NoBackoff(), 0)
    )
    counter: _Counter = client.register_script(_COUNT)
    return counter
