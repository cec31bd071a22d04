"""Which network a request counts for, and which networks are blocked."""

import time
from collections.abc import MutableMapping
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from pytest_django import Settings

from agentmessage import clients
from agentmessage.clients import WrongSecrets, client_network, is_private
from agentmessage.rates import Rate


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


@pytest.mark.parametrize(
    ("network", "private"),
    [
        ("unknown", True),
        ("127.9.9.9", True),
        ("10.0.0.1", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("169.254.1.1", True),
        ("100.127.0.1", True),
        ("100.128.0.1", False),
        ("::/64", True),
        ("fd12:3456::/64", True),
        ("fe80::/64", True),
        ("2001:db8::/64", False),
        ("203.0.113.66", False),
    ],
)
def test_which_networks_many_clients_may_share(network: str, private: bool) -> None:
    assert is_private(network) is private


def _from(address: str) -> HttpRequest:
    return RequestFactory().get("/", REMOTE_ADDR=address)


def test_another_process_learns_of_a_block_with_the_next_wrong_secret(settings: Settings, db: None) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=1, seconds=3600)
    one, other = WrongSecrets("v1"), WrongSecrets("v1")
    request = _from("203.0.113.66")
    assert [usage.is_over for usage in (one.count(request), one.count(request)) if usage] == [False, True]
    assert one.block(request)
    assert other.block(request) is None
    usage = other.count(request)
    assert usage
    assert usage.is_over
    assert other.block(request)


def test_a_private_network_is_counted_and_never_blocked(settings: Settings, db: None) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=1, seconds=3600)
    limit = WrongSecrets("v1")
    usages = [limit.count(_from("10.0.0.1")) for _ in range(3)]
    assert [usage.hits for usage in usages if usage] == [1, 2, 3]
    assert limit.block(_from("10.0.0.1")) is None


def test_endpoints_are_counted_apart(settings: Settings, db: None) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=1, seconds=3600)
    request = _from("203.0.113.66")
    one, other = WrongSecrets("v1"), WrongSecrets("metrics")
    assert [one.count(request) for _ in range(2)]
    usage = other.count(request)
    assert usage
    assert usage.hits == 1
    assert other.block(request) is None


def test_a_block_ends_and_the_memory_of_blocks_is_bounded(
    settings: Settings, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=1, seconds=3600)
    monkeypatch.setattr(clients, "_MOST_REMEMBERED", 2)
    limit = WrongSecrets("v1")
    requests = [_from(f"203.0.113.{n}") for n in range(3)]
    for request in requests:
        assert [limit.count(request) for _ in range(2)]
    assert [limit.block(request) is not None for request in requests] == [True, True, False]
    usage = limit.block(requests[0])
    assert usage
    assert 1 <= usage.reset <= 3600
    later = time.monotonic() + 3601
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert [limit.block(request) for request in requests] == [None, None, None]
    assert limit.count(requests[2])
    assert limit.block(requests[2])


def test_an_excess_is_logged_once(settings: Settings, db: None, log_lines: list[MutableMapping[str, Any]]) -> None:
    settings.THROTTLE_UNAUTHORIZED_RATE = Rate(limit=1, seconds=3600)
    limit = WrongSecrets("metrics")
    assert [limit.count(_from("10.0.0.1")) for _ in range(4)]
    assert [(line["event"], line["endpoint"], line["network"]) for line in log_lines] == [
        ("client.wrong_secrets", "metrics", "10.0.0.1")
    ]
