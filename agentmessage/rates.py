"""Rates: `600/min`."""

import re
from dataclasses import dataclass

_SECONDS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}
_FORM = re.compile(r"([1-9][0-9]{0,8})/([a-z]+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` in a window of `seconds`."""

    limit: int
    seconds: int


def parse_rate(text: str) -> Rate | None:
    """Parse a rate: `100/s`, `600/min`, `10000/hour`, `1/day`. An empty text is None: no limit. Raises ValueError."""
    if not text.strip():
        return None
    match = _FORM.fullmatch(text.strip().lower())
    if match is None or match[2] not in _SECONDS:
        raise ValueError(f"{text!r} is no rate; write one like 100/s, 600/min, 10000/hour or 1/day, or nothing")
    return Rate(limit=int(match[1]), seconds=_SECONDS[match[2]])
