"""A fake Telnyx and its adapter. Modules about another carrier have fixtures of the same names."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from carriers.telnyx import TelnyxCarrier
from tests.support.fake_telnyx import OTHER, TCR, FakeTelnyx


@pytest.fixture
def fake() -> Iterator[FakeTelnyx]:
    """The carrier, with two campaigns of its own."""
    fake = FakeTelnyx()
    fake.add_campaign(TCR)
    fake.add_campaign(OTHER)
    yield fake
    fake.stop()


@pytest.fixture
def carrier(fake: FakeTelnyx) -> Iterator[TelnyxCarrier]:
    """The adapter."""
    carrier = TelnyxCarrier.from_url(urlsplit(fake.url), pace=lambda: None)
    yield carrier
    carrier.close()
