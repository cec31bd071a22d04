"""The client of a request: its network, and how many wrong secrets that network may send."""

import time
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network

import structlog
from django.conf import settings
from django.http import HttpRequest

from agentmessage.counter import Usage, count_hit
from agentmessage.rates import Rate

log = structlog.get_logger(__name__)

UNKNOWN = "unknown"
# One customer's IPv6 network. A limit on single addresses would have no effect: each network has 2**64 of them.
_NETWORK_BITS = 64
# Loopback (`::1` as a /64), link-local, RFC 1918, RFC 4193, and RFC 6598, which cloud load balancers use.
_PRIVATE = [
    ip_network(network)
    for network in (
        "127.0.0.0/8", "::/64", "169.254.0.0/16", "fe80::/10",
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "100.64.0.0/10",
    )
]  # fmt: skip
# Further networks are not remembered; the counter still has them.
_MOST_REMEMBERED = 10_000


def client_network(request: HttpRequest) -> str:
    """Return the client's IPv4 address or IPv6 /64 network, or `unknown`.

    The address is the connection's own. With TRUST_PROXY it is the right-most of `X-Forwarded-For`, which the proxy
    itself has seen; the client controls everything before that.
    """
    text = request.META.get("REMOTE_ADDR", "")
    if settings.TRUST_PROXY:
        text = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2] or text
    try:
        address = ip_address(_without_port(text.strip()))
    except ValueError:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            network = int(address) >> _NETWORK_BITS << _NETWORK_BITS
            return f"{IPv6Address(network)}/{_NETWORK_BITS}"
        address = address.ipv4_mapped
    return str(address)


def is_private(network: str) -> bool:
    """Whether a client's network is private, loopback or unknown: many clients may share it behind a proxy."""
    if network == UNKNOWN:
        return True
    address = ip_address(network.partition("/")[0])
    return any(address in private for private in _PRIVATE)


class WrongSecrets:
    """Limit how many wrong secrets a network may send to one endpoint: THROTTLE_UNAUTHORIZED_RATE.

    The counter decides, exactly across all processes. A public network that is over the limit is then blocked whatever
    it sends: each process remembers such networks on its own, so a right secret costs no statement, and a process
    learns of a block with the next wrong secret. A private network is never blocked, because one bad client behind a
    proxy would block all others: only its wrong secrets are refused.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._blocked_until: Mapping[str, float] = {}

    def block(self, request: HttpRequest) -> Usage | None:
        """Return the exceeded limit if the request's network is blocked, before its secret is checked."""
        rate: Rate | None = settings.THROTTLE_UNAUTHORIZED_RATE
        if rate is None or not self._blocked_until:
            return None
        seconds = self._blocked_until.get(client_network(request), 0) - time.monotonic()
        return Usage(rate=rate, hits=rate.limit + 1, reset=-int(-seconds // 1)) if seconds > 0 else None

    def count(self, request: HttpRequest) -> Usage | None:
        """Count a wrong secret. Return the limit's usage, or None if the limit is off."""
        rate: Rate | None = settings.THROTTLE_UNAUTHORIZED_RATE
        if rate is None:
            return None
        network = client_network(request)
        usage = count_hit(f"unauthorized:{self._endpoint}:{network}", rate)
        if usage.is_over and not is_private(network):
            self._remember(network, seconds=usage.reset)
        if usage.hits == rate.limit + 1:
            # Behind a proxy without TRUST_PROXY all clients share one network: the log shows which one.
            log.warning(
                "client.wrong_secrets",
                endpoint=self._endpoint,
                network=network,
                seconds=usage.reset,
                trust_proxy=settings.TRUST_PROXY,
            )
        return usage

    def _remember(self, network: str, *, seconds: int) -> None:
        # Replaced, never changed in place: other threads may be reading it.
        now = time.monotonic()
        blocked = {name: until for name, until in self._blocked_until.items() if until > now}
        if len(blocked) < _MOST_REMEMBERED:
            self._blocked_until = blocked | {network: now + seconds}


def _without_port(text: str) -> str:
    """Remove the port that some proxies add: `192.0.2.1:443`, `[2001:db8::1]:443`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
