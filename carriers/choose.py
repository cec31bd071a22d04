"""Build the adapter for the address of an account, and know the default limits of its carrier."""

from dataclasses import dataclass
from pkgutil import resolve_name
from urllib.parse import SplitResult, urlsplit

from carriers.base import DEFAULT_ACCOUNT, Carrier, Pace


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account at `carrier` allows; 0: no limit."""

    carrier: str
    requests_per_second: float
    open_orders: int
    campaign_lookups_per_minute: float = 0


# Neither carrier states a limit for orders in public, so the defaults are careful; an account's own limits are for
# CARRIER_REQUESTS_PER_SECOND and CARRIER_OPEN_ORDERS to say. Bandwidth's campaign management guide has the lookups'.
_LIMITS = {
    "simulated": Limits("simulated", requests_per_second=0, open_orders=0),
    "bandwidth": Limits("bandwidth", requests_per_second=5, open_orders=100, campaign_lookups_per_minute=30),
    "telnyx": Limits("telnyx", requests_per_second=10, open_orders=0),
}
_ADAPTERS = {
    "simulated": "carriers.simulated.adapter:SimulatedCarrier",
    "bandwidth": "carriers.bandwidth.adapter:BandwidthCarrier",
    "telnyx": "carriers.telnyx.adapter:TelnyxCarrier",
}


def default_limits(url: str) -> Limits:
    """The limits of the carrier that `url` names. Raises ValueError for an unknown one."""
    return _LIMITS[_parsed(url).scheme]


def build_carrier(url: str, *, pace: Pace, account: str = DEFAULT_ACCOUNT) -> Carrier:
    """Return the adapter for the account at `url`; `pace` is around each of its requests. Raises ValueError."""
    parsed = _parsed(url)
    # Only the chosen adapter is loaded.
    carrier: Carrier = resolve_name(_ADAPTERS[parsed.scheme]).from_url(parsed, pace=pace)
    carrier.name = account
    return carrier


def _parsed(url: str) -> SplitResult:
    try:
        parsed = urlsplit(url)
        _ = parsed.port
    except ValueError:
        # Its words could show the secret.
        raise ValueError("the address cannot be read as a URL.") from None
    if parsed.scheme not in _LIMITS:
        raise ValueError(f"the address must begin with one of {', '.join(f'{name}://' for name in _LIMITS)}.")
    return parsed
