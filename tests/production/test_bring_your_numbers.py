"""The second section of README.md: from an account at a carrier, with 5,000 numbers, to the first attach."""

import re
import shlex
from collections.abc import Iterator

import pytest

from tests.support.fake_telnyx import BRAND, FakeTelnyx
from tests.support.installation import Installation
from tests.support.owners import ROOT
from tests.support.waiting import wait_until

OTHERS = [f"+1415555{index:04d}" for index in range(1_000)]
ATTACHED = [f"+1212555{index:04d}" for index in range(2_000)]
FREE = [f"+1312555{index:04d}" for index in range(2_000)]
BRAND_ID, CAMPAIGN_ID, NUMBER = "BACME01", "CACME01", FREE[100]


@pytest.fixture
def account() -> Iterator[FakeTelnyx]:
    """5,000 numbers, 3,000 of them on two campaigns of one brand."""
    fake = FakeTelnyx()
    fake.brands = {BRAND_ID: BRAND}
    for campaign, numbers in ((CAMPAIGN_ID, ATTACHED), ("CACME02", OTHERS)):
        campaign_id = fake.add_campaign(campaign, tcr_brand_id=BRAND_ID)
        for number in numbers:
            fake.put(number, campaign_id)
    fake.numbers = set(FREE)
    yield fake
    fake.stop()


def _commands() -> list[list[str]]:
    """The words after manage.py of each command of the section."""
    section = (ROOT / "README.md").read_text().split("\n## ")[2]
    assert section.startswith("Bring your numbers\n")
    block = re.findall(r"```\n(.*?)```", section, re.DOTALL)[1]
    assert block.startswith("make install && ")
    return [shlex.split(line.partition("manage.py ")[2]) for line in block.splitlines()]


def test_from_an_empty_database_to_the_first_attach(account: FakeTelnyx, installation: Installation) -> None:
    migrate, list_brands, import_, attach, run_worker = _commands()
    installation.server.sql("CREATE DATABASE own", database="postgres")
    settings = {"CARRIER_URL": account.url, "DATABASE_URL": installation.server.url("own")}
    installation.manage(*migrate, "-v0", **settings)
    assert BRAND_ID in installation.manage(*list_brands, **settings)
    installation.manage(*import_, **settings)
    # The rows, and the history, of all.
    states = "SELECT carrier_line_option_status, count(*) FROM numbers_phonenumber GROUP BY 1 ORDER BY 1"
    assert installation.server.sql(states, database="own") == [("propagated", 3_000), (None, 2_000)]
    installation.manage(*attach, **settings)
    assert set(account.methods()) == {"GET"}, "Nothing has changed at the carrier."
    assert run_worker == ["run_worker"]
    with installation.worker(**settings):
        wait_until(lambda: account.assigned().get(NUMBER) == CAMPAIGN_ID, "the number is attached at the carrier")
    assert [call.body["phoneNumber"] for call in account.calls if call.method != "GET"] == [NUMBER]
