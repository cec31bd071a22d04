"""Numbers that the carrier has on their campaign already, and the day on which a campaign ends."""

from datetime import date
from typing import Any

import pytest

from campaigns.models import Campaign
from phone_numbers.models import AttachmentStatus, CampaignAttachment, LineOptionStatus, PhoneNumber
from tests.support.inventories import Ids, all_rows, first_number, load, refused_load, small_inventory

pytestmark = pytest.mark.django_db

PLACE = "organizations[0].phone_numbers[0].propagated"


@pytest.fixture
def document() -> dict[str, Any]:
    """The first number is on the first campaign, at the carrier too."""
    ids = Ids()
    document = small_inventory(ids)
    document["organizations"][0]["phone_numbers"][0] |= {"campaign_id": ids.one, "propagated": True}
    return document


@pytest.mark.parametrize("is_stored", [False, True])
def test_an_attachment_that_the_carrier_has_is_propagated_and_not_sent(
    document: dict[str, Any], is_stored: bool
) -> None:
    if is_stored:
        without = {
            key: value for key, value in first_number(document).items() if key not in ("campaign_id", "propagated")
        }
        stored = {**document["organizations"][0], "phone_numbers": [without]}
        load({"organizations": [stored]})
    assert load(document).attached == 1
    number = PhoneNumber.objects.get(number="+15555550100")
    entry = CampaignAttachment.objects.get()
    assert number.carrier_line_option_status == LineOptionStatus.PROPAGATED
    assert number.carrier_line_option_propagated_at == number.updated_at == entry.created_at == entry.propagated_at
    assert (entry.status, entry.attempts, entry.next_attempt_at) == (AttachmentStatus.PROPAGATED, 0, None)
    rows = all_rows()
    assert load(document).changed == 0
    assert all_rows() == rows


def test_a_number_on_another_campaign_is_not_taken_for_propagated(document: dict[str, Any]) -> None:
    one, two = (campaign["id"] for campaign in document["organizations"][0]["campaigns"])
    load(document)
    first_number(document)["campaign_id"] = two
    sentence = (
        "cannot be true while the number is on another campaign or on its way off one; "
        "detach it, and load it again once the carrier has confirmed"
    )
    assert refused_load(document) == {PLACE: sentence}
    first_number(document).update(campaign_id=None, propagated=False)
    load(document)
    # On its way off the first campaign.
    first_number(document).update(campaign_id=one, propagated=True)
    assert refused_load(document) == {PLACE: sentence}


def test_a_number_that_is_on_its_campaign_already_is_left_to_the_worker(document: dict[str, Any]) -> None:
    del first_number(document)["propagated"]
    load(document)
    first_number(document)["propagated"] = True
    assert load(document).changed == 0
    assert PhoneNumber.objects.get(number="+15555550100").carrier_line_option_status == LineOptionStatus.PENDING


@pytest.mark.parametrize("campaign", [{}, {"campaign_id": None}])
def test_propagated_needs_a_campaign(document: dict[str, Any], campaign: dict[str, None]) -> None:
    del first_number(document)["campaign_id"]
    first_number(document).update(campaign)
    assert refused_load(document) == {
        PLACE: "true needs a campaign_id, the campaign that the carrier has the number on"
    }


@pytest.mark.parametrize("value", ["2027-02-30", "31.1.2027", "20270131", 20270131, True])
def test_a_date_is_one_of_the_calendar(document: dict[str, Any], value: object) -> None:
    campaign = document["organizations"][0]["campaigns"][0]
    campaign["expiration_date"] = "2027-01-31"
    load(document)
    campaign["expiration_date"] = None
    assert load(document).campaigns.updated == 1
    campaign["expiration_date"] = value
    [sentence] = refused_load(document).values()
    assert sentence.endswith("is not a date like 2027-01-31")


def test_a_campaign_keeps_its_last_day(document: dict[str, Any]) -> None:
    document["organizations"][0]["campaigns"][0]["expiration_date"] = "2027-01-31"
    load(document)
    assert Campaign.objects.get(name="One").expiration_date == date(2027, 1, 31)
    del document["organizations"][0]["campaigns"][0]["expiration_date"]
    assert load(document).changed == 0
