"""Build the adapter that a CARRIER_URL names, and know the default limits of its carrier."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from carriers.base import Carrier


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests a second and orders open at once; 0: no limit. `carrier` names the rate limit."""

    carrier: str
    requests_per_second: float
    open_orders: int


# Neither carrier states a limit for these calls in public, so the defaults are careful; an account's own limits are for
# CARRIER_REQUESTS_PER_SECOND and CARRIER_OPEN_ORDERS to say.
_LIMITS = {
    "simulated": Limits("simulated", requests_per_second=0, open_orders=0),
    "bandwidth": Limits("bandwidth", requests_per_second=5, open_orders=100),
    "telnyx": Limits("telnyx", requests_per_second=10, open_orders=0),
}


def default_limits(url: str) -> Limits:
    """The limits of the carrier that `url` names. Raises ValueError for an unknown one."""
    return _LIMITS[_parsed(url).scheme]


def build_carrier(url: str, *, pace: Callable[[], None]) -> Carrier:
    """The carrier that `url` names; `pace` is called before each request to it. Raises ValueError."""
    parsed = _parsed(url)
    # Only the chosen adapter is loaded.
    try:
        match parsed.scheme:
            case "bandwidth":
                from carriers.bandwidth.adapter import BandwidthCarrier

                return BandwidthCarrier.from_url(parsed, pace=pace)
            case "telnyx":
                from carriers.telnyx.adapter import TelnyxCarrier

                return TelnyxCarrier.from_url(parsed, pace=pace)
            case _:
                from carriers.simulated.adapter import SimulatedCarrier

                return SimulatedCarrier.from_url(parsed, pace=pace)
    except ValueError as error:
        raise ValueError(f"CARRIER_URL: {error}") from None


def _parsed(url: str) -> SplitResult:
    try:
        parsed = urlsplit(url)
        _ = parsed.port
    except ValueError:
        # Its words could show the secret.
        raise ValueError("CARRIER_URL cannot be read as a URL.") from None
    if parsed.scheme not in _LIMITS:
        raise ValueError(f"CARRIER_URL must begin with one of {', '.join(f'{name}://' for name in _LIMITS)}.")
    return parsed
