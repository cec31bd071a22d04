"""Rate limits of /v1: of each key, and of each network that sends wrong keys."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from agentmessage.clients import WrongSecrets
from agentmessage.counter import Usage, count_hit
from agentmessage.rates import Rate

wrong_keys = WrongSecrets("v1")


class KeyThrottle(BaseThrottle):
    """Limit the requests of a key to THROTTLE_RATE, and the wrong keys of a network to THROTTLE_UNAUTHORIZED_RATE.

    It authenticates the request, so that wrong keys are counted. One class has both limits because DRF asks all
    throttle classes of a view even if the first refuses, and a key from a blocked network must not be looked up.
    """

    usage: Usage | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request, and leave its usage in `view.usage`. Raises AuthenticationFailed."""
        self.usage = view.usage = wrong_keys.block(request)
        if self.usage is not None:
            return False
        try:
            key: Any = request.auth
        except AuthenticationFailed:
            self.usage = view.usage = wrong_keys.count(request)
            if self.usage is None or not self.usage.is_over:
                raise
            return False
        rate: Rate | None = settings.THROTTLE_RATE
        if rate is None:
            return True
        self.usage = view.usage = count_hit(f"key:{key.id}", rate)
        return not self.usage.is_over

    def wait(self) -> float | None:
        """Return the seconds until the window ends, for `Retry-After`."""
        return None if self.usage is None else self.usage.reset


def rate_limit_headers(usage: Usage | None) -> Mapping[str, str]:
    """Describe the usage in the headers of a response."""
    if usage is None:
        return {}
    return {
        "RateLimit-Limit": str(usage.rate.limit),
        "RateLimit-Remaining": str(usage.remaining),
        "RateLimit-Reset": str(usage.reset),
    }
