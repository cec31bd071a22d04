"""What a move would cost, by the three previews: the admin's, the command's and the API's."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from pytest_django.fixtures import Settings

from campaigns.models import Campaign
from phone_numbers.models import CampaignAttachment, PhoneNumber
from tests.support.api import ApiClient
from tests.support.attach_command import run_attach
from tests.support.factories import CampaignFactory, PhoneNumberFactory
from tests.support.operators import run_action
from tests.support.propagation import attach
from tests.support.worlds import World


def _preview(interface: str, api: ApiClient, admin: Client, target: Campaign, *numbers: PhoneNumber) -> list[str]:
    """The messages of the warnings of attaching the numbers to the target."""
    before = list(PhoneNumber.objects.order_by("id").values())
    if interface == "api":
        body = {"phone_number_ids": [str(number.id) for number in numbers], "dry_run": True}
        answer = api.post(f"/v1/campaigns/{target.id}/phone-numbers", body).json()["data"]
        found = [warning["message"] for warning in answer["warnings"]]
    elif interface == "command":
        arguments = [argument for number in numbers for argument in ("--number", number.number)]
        ended = run_attach(
            "--organization", target.organization.slug, "--campaign", target.id, "--dry-run", "--batch-size", 1,
            "--json", *arguments,
        )  # fmt: skip
        found = [warning["message"] for warning in json.loads(ended.out)["warnings"]]
    else:
        begun = run_action(admin, PhoneNumber, "attach_selected", *numbers)
        found = admin.post(begun["Location"], {"campaign": str(target.id)}, follow=True).context["warnings"]
    assert list(PhoneNumber.objects.order_by("id").values()) == before
    return list(found)


@pytest.fixture(params=["admin", "command", "api"])
def preview(request: Any, api: ApiClient, admin_client: Client) -> Any:
    return lambda target, *numbers: _preview(request.param, api, admin_client, target, *numbers)


def _all_on(campaign: Campaign, count: int) -> list[PhoneNumber]:
    numbers = PhoneNumberFactory.create_batch(count, organization=campaign.organization)
    for number in numbers:
        attach(number, campaign)
    return numbers


def test_the_last_number_leaves_a_campaign(world: World, preview: Any) -> None:
    one, two = _all_on(world.campaign, 2)
    assert preview(world.other_campaign, one) == []
    (message,) = preview(world.other_campaign, one, two)
    assert message == (
        f"The last number leaves {world.campaign.name}. T-Mobile charges 250 dollars for a campaign that has no number "
        "for 60 days (https://www.bandwidth.com/support/en/articles/12823101)."
    )


def test_a_limit_would_be_exceeded(world: World, preview: Any, settings: Settings) -> None:
    settings.CAMPAIGN_NUMBER_LIMIT = 2
    _all_on(world.campaign, 1)
    more = PhoneNumberFactory.create_batch(2, organization=world.organization)
    assert preview(world.campaign, more[0]) == []
    assert preview(world.campaign, *more) == [
        f"{world.campaign.name} would have 3 numbers; carriers allow 2 without a number pool."
    ]
    Campaign.objects.filter(id=world.campaign.id).update(number_pool=True)
    assert preview(world.campaign, *more) == []


def test_a_number_moves_for_the_third_time_in_30_days(world: World, preview: Any) -> None:
    third = CampaignFactory.create(brand=world.brand)
    _all_on(third, 1)
    (number,) = _all_on(third, 1)
    assert preview(world.campaign, number) == []
    attach(number, world.other_campaign)
    _all_on(world.other_campaign, 1)
    (message,) = preview(world.campaign, number)
    assert message.startswith("1 number is attached for the third time in 30 days. T-Mobile may charge 1,000 dollars")


def test_moves_of_long_ago_do_not_count(world: World, preview: Any) -> None:
    fields = {"organization": world.organization, "phone_number": world.phone_number, "campaign": world.campaign}
    for days in (31, 32, 29):
        CampaignAttachment.objects.create(
            **fields, actor_kind="command", actor_id="test", created_at=Now() - timedelta(days=days)
        )
    assert preview(world.campaign, world.phone_number) == []


def test_a_number_of_another_type(world: World, preview: Any) -> None:
    number = PhoneNumberFactory.create(organization=world.organization, toll_free=True)
    assert preview(world.campaign, number, world.phone_number) == [
        "1 number is not local: only local numbers send under a 10DLC campaign."
    ]


def test_detaching_and_releasing_warn_as_well(world: World, admin_client: Client) -> None:
    (number,) = _all_on(world.campaign, 1)
    for action in ("detach_selected", "release_selected"):
        page = run_action(admin_client, PhoneNumber, action, number, world.stranger.phone_number)
        shown = admin_client.get(page["Location"])
        (warning,) = shown.context["warnings"]
        assert warning.startswith(f"The last number leaves {world.campaign.name}.")
        assert [str(cell) for cell in shown.context["moves"]["rows"][0]] == [world.campaign.name, "no campaign", "1"]
