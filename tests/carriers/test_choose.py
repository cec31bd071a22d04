"""CARRIER_URL: what it takes, and what it says of one that it does not take, without its secret."""

import re

import pytest

from carriers.choose import build_carrier, default_limits


@pytest.mark.parametrize(
    ("url", "name", "batch_size"),
    [
        ("simulated://", "simulated", 1000),
        ("simulated://127.0.0.1:9000?batch=1", "simulated", 1),
        ("bandwidth://u:s@dashboard.bandwidth.com/accounts/55?version=1", "bandwidth", 1000),
        ("bandwidth://u:s@127.0.0.1:8080/accounts/55?version=2&scheme=http&batch=200", "bandwidth", 200),
        ("telnyx://:key@api.telnyx.com", "telnyx", 1),
        ("telnyx://:key@127.0.0.1:8080?scheme=http", "telnyx", 1),
    ],
)
def test_what_it_takes(url: str, name: str, batch_size: int) -> None:
    carrier = build_carrier(url, account="main", pace=lambda: None)
    assert (carrier.name, carrier.batch_size, default_limits(url).carrier) == ("main", batch_size, name)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must begin with"),
        ("twilio://u:hushhush@x", "must begin with one of simulated://, bandwidth://, telnyx://"),
        ("bandwidth://u:hushhush@x", "the path must be /accounts/ID"),
        ("bandwidth://u:hushhush@x/accounts/", "the path must be /accounts/ID"),
        ("bandwidth://u:hushhush@x/accounts/1/2", "the path must be /accounts/ID"),
        ("bandwidth://x/accounts/1", "needs user:secret@"),
        ("bandwidth://u:hushhush@x/accounts/1?version=3", "version must be 1 or 2"),
        ("bandwidth://u:hushhush@x/accounts/1?scheme=ftp", "scheme must be"),
        ("bandwidth://u:hushhush@x/accounts/1?batch=0", "batch must be"),
        ("bandwidth://u:hushhush@x/accounts/1?verison=1", "does not know verison"),
        ("bandwidth://u:hushhush@x:70000/accounts/1", "cannot be read"),
        ("bandwidth://u:hushhush/accounts/1", "cannot be read"),
        ("bandwidth://u:hushhush@[x/accounts/1", "cannot be read"),
        ("telnyx://hushhush@x", "needs :key@"),
        ("telnyx://u:hushhush@x", "needs :key@"),
        ("telnyx://:hush%0Ahush@x", "a character that no key of Telnyx has"),
        ("telnyx://:hushhush@x?version=2", "does not know version"),
        ("simulated://x?batch=many", "batch must be"),
    ],
)
def test_what_it_does_not_take(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as raised:
        build_carrier(url, pace=lambda: None)
    assert "hush" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_no_secret_is_in_what_a_carrier_shows() -> None:
    for url in ("bandwidth://u:hushhush@x/accounts/1", "telnyx://:hushhush@x"):
        carrier = build_carrier(url, pace=lambda: None)
        assert "hush" not in repr(carrier)
