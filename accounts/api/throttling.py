"""Rate limits of the API: of each key, and of each network that sends wrong keys."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings
from django.http.response import HttpResponseBase
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import ApiKey
from accounts.throttling import Usage, count_hit
from accounts.throttling.blocked import blocked_networks
from agentmessage.clients import client_network
from agentmessage.rates import Rate

log = structlog.get_logger(__name__)


class ThrottledView(APIView):
    """Counts before scopes and body are looked at, so that a refusal of those counts too."""

    _usage: Usage | None = None

    def perform_authentication(self, request: Request) -> None:
        """Authenticates and counts. Raises Throttled, and what authentication raises."""
        self._refuse_blocked_network(request)
        try:
            super().perform_authentication(request)
        except AuthenticationFailed:
            self._count_failure(request)
            raise
        rate: Rate | None = settings.THROTTLE_RATE
        if rate is not None and isinstance(request.auth, ApiKey):
            self._usage = count_hit(f"key:{request.auth.id}", rate)
            if self._usage is not None and self._usage.is_over:
                raise Throttled(wait=self._usage.reset)

    def finalize_response(self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any) -> Any:
        """The answer with where the caller stands, whatever it says."""
        final = super().finalize_response(request, response, *args, **kwargs)  # type: ignore[arg-type]  # The stub forgets plain responses, which DRF takes.
        for name, value in _headers(self._usage).items():
            final[name] = value
        return final

    def _refuse_blocked_network(self, request: Request) -> None:
        rate: Rate | None = settings.THROTTLE_UNAUTHORIZED_RATE
        if rate is None or not blocked_networks:
            return
        seconds = blocked_networks.seconds_left(client_network(request))
        if seconds:
            self._usage = Usage(rate=rate, hits=rate.limit + 1, reset=seconds)
            raise Throttled(wait=seconds)

    def _count_failure(self, request: Request) -> None:
        rate: Rate | None = settings.THROTTLE_UNAUTHORIZED_RATE
        if rate is None:
            return
        network = client_network(request)
        usage = self._usage = count_hit(f"unauthorized:{network}", rate)
        if usage is not None and usage.is_over:
            blocked_networks.block(network, seconds=usage.reset)
            # Behind a proxy without TRUST_PROXY, all clients are one network: the log says which it was.
            log.warning("network_blocked", network=network, seconds=usage.reset, trust_proxy=settings.TRUST_PROXY)
            raise Throttled(wait=usage.reset)


def _headers(usage: Usage | None) -> Mapping[str, str]:
    if usage is None:
        return {}
    return {
        "RateLimit-Limit": str(usage.rate.limit),
        "RateLimit-Remaining": str(usage.remaining),
        "RateLimit-Reset": str(usage.reset),
    }
