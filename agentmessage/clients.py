"""Where a request comes from."""

from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

UNKNOWN = "unknown"
# One customer's IPv6 network. A limit on single addresses would be none: each network has 2**64 of them.
_NETWORK_BITS = 64


def client_network(request: HttpRequest | Request) -> str:
    """The client's IPv4 address or IPv6 /64 network, or `unknown`.

    The address is the connection's own. Behind TRUST_PROXY it is the right-most of `X-Forwarded-For`, the one that the
    proxy itself has seen; what stands before it is the client's word.
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


def _without_port(text: str) -> str:
    """`192.0.2.1:443` and `[2001:db8::1]:443`, as some proxies write, without the port."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
