"""A document that clashes with what is stored."""

import orjson
import pytest

from brands.models import Brand
from campaigns.models import Campaign
from inventory.merge import Counts
from inventory.reading import InventoryRefused
from phone_numbers.models import AttachmentStatus, CampaignAttachment, PhoneNumber
from tests.support.inventories import (
    Ids,
    first_number,
    load,
    refused_load,
    row,
    small_inventory,
    with_first_number,
)
from tests.support.worlds import World

pytestmark = pytest.mark.django_db


def test_nothing_moves_between_organizations(ids: Ids, world: World) -> None:
    stranger = world.stranger
    document = small_inventory(ids)
    organization = document["organizations"][0]
    organization["brands"].append({"id": str(stranger.brand.id), "name": "Mine now"})
    organization["campaigns"].append(dict(organization["campaigns"][0], id=str(stranger.campaign.id)))
    organization["campaigns"].append(dict(organization["campaigns"][0], id=ids.three, brand_id=str(world.brand.id)))
    organization["campaigns"].append(dict(organization["campaigns"][0], id=ids.four, brand_id=ids.unknown))
    first_number(document)["campaign_id"] = str(world.campaign.id)
    organization["phone_numbers"][1]["campaign_id"] = ids.unknown
    organization["phone_numbers"].append(
        dict(first_number(document), id=str(stranger.phone_number.id), number=stranger.phone_number.number)
    )
    del organization["phone_numbers"][2]["campaign_id"]

    assert list(refused_load(document).items()) == [
        ("organizations[0].brands[1].id", f'"{stranger.brand.id}" is a brand of another organization'),
        ("organizations[0].campaigns[2].id", f'"{stranger.campaign.id}" is a campaign of another organization'),
        ("organizations[0].campaigns[3].brand_id", f'"{world.brand.id}" is not a brand of this organization'),
        ("organizations[0].campaigns[4].brand_id", f'"{ids.unknown}" is not a brand of this organization'),
        (
            "organizations[0].phone_numbers[0].campaign_id",
            f'"{world.campaign.id}" is not a campaign of this organization',
        ),
        ("organizations[0].phone_numbers[1].campaign_id", f'"{ids.unknown}" is not a campaign of this organization'),
        ("organizations[0].phone_numbers[2].id", f'"{stranger.phone_number.id}" is a number of another organization'),
    ]


def test_a_stranger_number_cannot_be_sent_into_stock(ids: Ids, world: World) -> None:
    number = world.stranger.phone_number
    document = with_first_number(small_inventory(ids), id=str(number.id), number=number.number, state="AVAILABLE")
    assert refused_load(document) == {
        "organizations[0].phone_numbers[0].id": f'"{number.id}" is a number of another organization'
    }


def test_brand_and_campaign_of_another_organization_of_the_same_document(ids: Ids) -> None:
    document = small_inventory(ids)
    campaign = dict(document["organizations"][0]["campaigns"][0], id=ids.three)
    number = dict(first_number(document), id=ids.third, number="+15555550133", campaign_id=ids.one)
    document["organizations"].append(
        {"id": ids.globex, "name": "Globex", "slug": "globex", "campaigns": [campaign], "phone_numbers": [number]}
    )
    assert refused_load(document) == {
        "organizations[1].campaigns[0].brand_id": f'"{ids.brand}" is not a brand of this organization',
        "organizations[1].phone_numbers[0].campaign_id": f'"{ids.one}" is not a campaign of this organization',
    }


def test_conflicts_come_in_the_order_of_the_document(ids: Ids) -> None:
    document = small_inventory(ids)
    load(document)
    other = small_inventory(Ids())
    other["organizations"].append(
        {
            "id": ids.globex,
            "name": "Globex",
            "slug": "globex",
            "campaigns": [dict(document["organizations"][0]["campaigns"][0], brand_id=ids.unknown)],
            "phone_numbers": [dict(first_number(document), id=ids.third, campaign_id=ids.unknown)],
        }
    )
    other["organizations"][0]["phone_numbers"].pop(0)
    assert list(refused_load(other)) == [
        "organizations[0].slug",
        "organizations[0].phone_numbers[0].number",
        "organizations[1].campaigns[0].id",
        "organizations[1].campaigns[0].brand_id",
        "organizations[1].phone_numbers[0].number",
        "organizations[1].phone_numbers[0].campaign_id",
    ]


def test_values_that_another_id_holds(ids: Ids) -> None:
    document = small_inventory(ids)
    organization = document["organizations"][0]
    organization["brands"][0]["tcr_brand_id"] = "BABC123"
    organization["campaigns"][0]["tcr_campaign_id"] = "CABC123"
    load(document)
    other = small_inventory(Ids())
    first_number(other)["number"] = "(555) 555-0100"
    assert refused_load(other) == {
        "organizations[0].slug": f'"acme" is the slug of the organization {ids.acme}',
        "organizations[0].phone_numbers[0].number": _held("+15555550100", ids.first),
        "organizations[0].phone_numbers[1].number": _held("+19195550100", ids.second),
    }
    organization["brands"] = [dict(organization["brands"][0], id=ids.brand2)]
    organization["campaigns"] = [dict(organization["campaigns"][0], id=ids.three)]
    organization["phone_numbers"] = []
    assert refused_load(document) == {
        "organizations[0].brands[0].tcr_brand_id": f'"BABC123" is that of the brand {ids.brand}',
        "organizations[0].campaigns[0].tcr_campaign_id": f'"CABC123" is that of the campaign {ids.one}',
    }


def _held(number: str, holder: str) -> str:
    return f'"{number}" is the number of the ID {holder}, which has to get another number first'


def test_two_numbers_cannot_swap_in_one_document(ids: Ids) -> None:
    document = small_inventory(ids)
    load(document)
    one, two = document["organizations"][0]["phone_numbers"]
    one["number"], two["number"] = two["number"], one["number"]
    assert refused_load(document) == {
        "organizations[0].phone_numbers[0].number": _held("+19195550100", ids.second),
        "organizations[0].phone_numbers[1].number": _held("+15555550100", ids.first),
    }
    # As the refusal says.
    two["number"] = "+19195550199"
    one["number"] = "+15555550100"
    load(document)
    one["number"] = "+19195550100"
    load(document)
    two["number"] = "+15555550100"
    assert load(document).phone_numbers == Counts(0, 1, 1)


@pytest.mark.parametrize(
    ("status", "is_attached"), [("pending", True), ("propagated", True), ("failed", True), ("removing", False)]
)
@pytest.mark.parametrize(
    "change", [{"number": "+19195550199"}, {"number": "22763", "number_type": "short_code"}], ids=["number", "type"]
)
def test_a_number_that_the_carrier_knows_stays_that_number(
    ids: Ids, status: str, is_attached: bool, change: dict[str, str]
) -> None:
    document = with_first_number(small_inventory(ids), campaign_id=ids.one)
    load(document)
    if not is_attached:
        load(with_first_number(document, campaign_id=None))
    PhoneNumber.objects.filter(id=ids.first).update(carrier_line_option_status=status)

    number_type = change.get("number_type", "local")
    assert refused_load(with_first_number(document, **change)) == {
        "organizations[0].phone_numbers[0].number": (
            f'"{change["number"]}" ({number_type}) cannot replace "+15555550100" (local), which the carrier has on a '
            "campaign or is being asked about; detach the number, correct it once the carrier has confirmed, and "
            "attach it again"
        )
    }

    # As the refusal says: detached, and the carrier has confirmed.
    PhoneNumber.objects.filter(id=ids.first).update(campaign=None, carrier_line_option_status=None)
    CampaignAttachment.objects.update(status=AttachmentStatus.PROPAGATED, next_attempt_at=None)
    load(with_first_number(document, campaign_id=None))
    load(with_first_number(document, campaign_id=ids.one))
    assert row(PhoneNumber, ids.first)["number"] == change["number"]


@pytest.mark.parametrize("tcr_id", ["CNEW123", None])
def test_a_tcr_id_stays_while_numbers_are_on_the_campaign(ids: Ids, tcr_id: str | None) -> None:
    document = with_first_number(small_inventory(ids), campaign_id=ids.one)
    one, two = document["organizations"][0]["campaigns"]
    load(document)
    # Nothing has gone out under no ID.
    one["tcr_campaign_id"] = two["tcr_campaign_id"] = "COLD123"
    two["tcr_campaign_id"] = "COLD456"
    load(document)

    one["tcr_campaign_id"] = two["tcr_campaign_id"] = tcr_id
    two["tcr_campaign_id"] = "CNEW456"
    assert refused_load(document) == {
        "organizations[0].campaigns[0].tcr_campaign_id": (
            f'{orjson.dumps(tcr_id).decode()} cannot replace "COLD123" while numbers are on the campaign; '
            "detach them, correct the ID, and attach them again"
        )
    }


@pytest.mark.parametrize("length", [7, 8, 11, 12])
def test_tcr_ids_have_seven_to_twelve_characters(ids: Ids, length: int) -> None:
    document = small_inventory(ids)
    organization = document["organizations"][0]
    organization["brands"][0]["tcr_brand_id"] = "B" + "X" * (length - 1)
    organization["campaigns"][0]["tcr_campaign_id"] = "C" + "9" * (length - 1)
    load(document)
    assert row(Brand, ids.brand)["tcr_brand_id"] == "B" + "X" * (length - 1)
    assert row(Campaign, ids.one)["tcr_campaign_id"] == "C" + "9" * (length - 1)


def test_the_first_twenty_conflicts_are_shown_and_the_others_counted(ids: Ids) -> None:
    document = small_inventory(ids)
    document["organizations"][0]["phone_numbers"] = [
        {"id": Ids().any, "number": f"+191955501{index:02}", "number_type": "local", "state": "ASSIGNED"}
        for index in range(30)
    ]
    load(document)
    for number in document["organizations"][0]["phone_numbers"]:
        number["id"] = Ids().any
    with pytest.raises(InventoryRefused) as refused:
        load(document)
    assert list(refused.value.details or ()) == [
        f"organizations[0].phone_numbers[{index}].number" for index in range(20)
    ]
    assert refused.value.hidden == 10


def test_one_error_at_the_end_and_nothing_is_loaded(ids: Ids) -> None:
    document = small_inventory(ids)
    load(document)
    document["organizations"][0]["name"] = "Changed"
    document["organizations"][0]["brands"][0]["name"] = "Changed"
    document["organizations"][0]["campaigns"][0]["name"] = "Changed"
    document["organizations"][0]["phone_numbers"][0]["campaign_id"] = ids.one
    document["organizations"][0]["phone_numbers"][1]["campaign_id"] = ids.unknown
    assert refused_load(document) == {
        "organizations[0].phone_numbers[1].campaign_id": f'"{ids.unknown}" is not a campaign of this organization'
    }
