"""Which address a request counts for."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from agentmessage.clients import client_network


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", "unknown"),
        ("somebody", "unknown"),
    ],
)
def test_the_connections_own_address(address: str, network: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR="198.51.100.7")
    assert client_network(request) == network


@pytest.mark.parametrize(
    ("forwarded", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.5, 198.51.100.7", "198.51.100.7"),
        ("203.0.113.5,198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8::1]:4711", "2001:db8::/64"),
        ("2001:db8::1", "2001:db8::/64"),
        ("", "192.0.2.1"),
        ("198.51.100.7, <script>", "unknown"),
    ],
)
def test_the_right_most_hop_behind_a_proxy_that_is_trusted(forwarded: str, network: str, settings: Settings) -> None:
    settings.TRUST_PROXY = True
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert client_network(request) == network
