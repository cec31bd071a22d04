"""A fake of the tests in a process of its own, which prints its CARRIER_URL: `python -m … telnyx`."""

import sys
from threading import Event

from tests.support.fake_bandwidth import FakeBandwidth
from tests.support.fake_telnyx import FakeTelnyx

if __name__ == "__main__":
    fake = FakeTelnyx() if sys.argv[1] == "telnyx" else FakeBandwidth("1")
    if isinstance(fake, FakeTelnyx):
        fake.add_campaign("C000000")
    sys.stdout.write(fake.url + "\n")
    sys.stdout.flush()
    Event().wait()
