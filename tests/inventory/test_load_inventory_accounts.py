"""The carrier account of the numbers in a document."""

import pytest
from pytest_django import Settings

from inventory.merge import Counts
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.inventories import Ids, load, refused_load, small_inventory

pytestmark = pytest.mark.django_db

ONE, TWO = "organizations[0].phone_numbers[0].carrier", "organizations[0].phone_numbers[1].carrier"


@pytest.fixture(autouse=True)
def _accounts(settings: Settings) -> None:
    settings.CARRIERS = {"main": "simulated://", "other": "simulated://"}


def _accounts_of_numbers() -> list[str]:
    return list(PhoneNumber.objects.order_by("created_at").values_list("carrier", flat=True))


def test_a_new_number_names_its_account(settings: Settings) -> None:
    document = small_inventory(Ids())
    one, two = document["organizations"][0]["phone_numbers"]
    one["carrier"], two["carrier"] = "main", "third"
    assert refused_load(document) == {TWO: '"third" must be one of main, other'}
    del two["carrier"]
    sentence = "is required for a new number, because there are several accounts and none is named default"
    assert refused_load(document) == {TWO: sentence}
    settings.CARRIERS = settings.CARRIERS | {"default": "simulated://"}
    load(document)
    assert _accounts_of_numbers() == ["main", "default"]


def test_the_only_account_is_that_of_every_new_number(settings: Settings) -> None:
    settings.CARRIERS = {"main": "simulated://"}
    load(small_inventory(Ids()))
    assert _accounts_of_numbers() == ["main", "main"]


def test_a_number_moves_to_another_account_without_a_campaign_only() -> None:
    ids = Ids()
    document = small_inventory(ids)
    one, two = document["organizations"][0]["phone_numbers"]
    one |= {"carrier": "main", "campaign_id": ids.one}
    two |= {"carrier": "main"}
    load(document)
    one["carrier"] = two["carrier"] = "other"
    refused = {
        ONE: '"other" cannot replace "main" while the number is on a campaign or on its way off one; '
        "detach it, and move it once the carrier has confirmed"
    }
    assert refused_load(document) == refused
    one["campaign_id"] = None
    assert refused_load(document) == refused, "The detach has to reach the former account."
    one["carrier"] = "main"
    load(document)
    # A worker has found that the attach is superseded, and the carrier has confirmed the detach.
    CampaignAttachment.objects.exclude(campaign=None).update(status="superseded", next_attempt_at=None)
    CampaignAttachment.objects.filter(campaign=None).update(status="propagated", next_attempt_at=None)
    assert _accounts_of_numbers() == ["main", "other"]

    one |= {"carrier": "other", "campaign_id": ids.one}
    assert load(document).phone_numbers == Counts(0, 1, 1)
    assert _accounts_of_numbers() == ["other", "other"]
    assert CampaignAttachment.objects.latest("created_at").carrier == "other"
    del one["carrier"], two["carrier"]
    assert load(document).changed == 0, "What is left out stays."
