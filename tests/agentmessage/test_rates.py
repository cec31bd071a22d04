"""How a rate is written."""

import pytest

from agentmessage.rates import Rate, parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/s", Rate(100, 1)),
        ("600/min", Rate(600, 60)),
        (" 600/MIN ", Rate(600, 60)),
        ("10000/hour", Rate(10_000, 3600)),
        ("1/day", Rate(1, 86_400)),
        ("", None),
        ("  ", None),
    ],
)
def test_rates(text: str, rate: Rate | None) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["0/s", "-1/s", "1", "/s", "1/week", "1.5/s", "٣/s", "1/2s", "1000000000/s", "off"])
def test_other_texts(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate; write one like"):
        parse_rate(text)
