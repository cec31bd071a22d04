"""Campaigns at the admin."""

import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from brands.models import Brand
from campaigns.models import Campaign
from phone_numbers.models import PhoneNumber
from tests.support.factories import BrandFactory, CampaignFactory
from tests.support.operators import count_queries, errors_of, listed, page, sign_in
from tests.support.worlds import World


def _form(brand: Brand, /, **fields: Any) -> dict[str, Any]:
    return {
        "organization": str(brand.organization_id),
        "brand": str(brand.id),
        "name": "Reminders",
        "usecase": "CUSTOMER_CARE",
        "description": "",
        "tcr_campaign_id": "CREMIN1",
        "status": "ACTIVE",
        "carrier_status": "APPROVED",
        "expiration_date": "2027-01-31",
    } | fields


def test_a_campaign_is_added(admin_client: Client) -> None:
    brand = BrandFactory.create()
    assert admin_client.post(page(Campaign, "add"), _form(brand)).status_code == 302
    campaign = Campaign.objects.get()
    assert (campaign.organization_id, campaign.brand, campaign.name) == (brand.organization_id, brand, "Reminders")
    assert campaign.is_active


def test_a_brand_of_another_organization_is_refused(world: World, admin_client: Client) -> None:
    refused = {"brand": ["This brand belongs to another organization."]}
    form = _form(world.stranger.brand, organization=str(world.organization.id))
    assert errors_of(admin_client.post(page(Campaign, "add"), form)) == refused
    assert errors_of(admin_client.post(page(Campaign, "change", world.campaign.id), form)) == refused
    assert Campaign.objects.count() == 4
    world.campaign.refresh_from_db()
    assert world.campaign.brand == world.brand


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"tcr_campaign_id": "BREMIN1"}, {"tcr_campaign_id": ['"BREMIN1" must be C and 6 to 11 capitals or digits.']}),
        ({"tcr_campaign_id": "CTAKEN1"}, {"tcr_campaign_id": ["The organization has a campaign of this id already."]}),
        ({"name": " "}, {"name": ["This field is required."]}),
        ({"brand": ""}, {"brand": ["This field is required."]}),
        ({"organization": ""}, {"organization": ["This field is required."]}),
        ({"usecase": "SPAM"}, {"usecase": ["Select a valid choice. SPAM is not one of the available choices."]}),
        ({"status": "GONE"}, {"status": ["Select a valid choice. GONE is not one of the available choices."]}),
        ({"expiration_date": "soon"}, {"expiration_date": ["Enter a valid date."]}),
    ],
)
def test_a_refused_campaign_is_not_added(
    fields: dict[str, Any], refused: dict[str, list[str]], admin_client: Client
) -> None:
    taken = CampaignFactory.create(tcr_campaign_id="CTAKEN1")
    assert errors_of(admin_client.post(page(Campaign, "add"), _form(taken.brand, **fields))) == refused
    assert Campaign.objects.count() == 1


def test_an_id_that_is_taken_is_refused_on_the_page_of_a_campaign_too(world: World, admin_client: Client) -> None:
    CampaignFactory.create(brand=world.brand, tcr_campaign_id="CTAKEN1")
    form = _form(world.brand, tcr_campaign_id="CTAKEN1")
    assert errors_of(admin_client.post(page(Campaign, "change", world.campaign.id), form)) == {
        "tcr_campaign_id": ["The organization has a campaign of this id already."]
    }


def test_a_campaign_stays_with_its_organization(world: World, admin_client: Client) -> None:
    form = _form(world.brand, organization=str(world.stranger.organization.id), status="EXPIRED")
    assert admin_client.post(page(Campaign, "change", world.campaign.id), form).status_code == 302
    world.campaign.refresh_from_db()
    assert (world.campaign.organization, world.campaign.status) == (world.organization, "EXPIRED")


def test_the_page_of_a_campaign_offers_the_brands_of_its_organization(world: World, admin_client: Client) -> None:
    content = admin_client.get(page(Campaign, "change", world.campaign.id)).content.decode()
    (address,) = set(re.findall(r'data-ajax--url="([^"]+organization=[^"]+)"', content))
    field = {"app_label": "campaigns", "model_name": "campaign", "field_name": "brand"}
    query = field | {"organization": str(world.organization.id)}
    assert address == f"/admin/autocomplete/?organization={world.organization.id}"
    (offered,) = admin_client.get("/admin/autocomplete/", query).json()["results"]
    assert offered["id"] == str(world.brand.id)
    assert len(admin_client.get("/admin/autocomplete/", field).json()["results"]) == 2


def test_a_campaign_with_numbers_is_not_deleted(world: World, admin_client: Client) -> None:
    PhoneNumber.objects.filter(id=world.phone_number.id).update(
        campaign=world.campaign, carrier_line_option_status="pending"
    )
    response = admin_client.post(page(Campaign, "delete", world.campaign.id), {"post": "yes"})
    (message,) = get_messages(response.wsgi_request)
    assert str(message).startswith(f"“{world.campaign}” cannot be deleted, because of 1 phone number. Move its numbers")
    assert admin_client.post(page(Campaign, "delete", world.other_campaign.id), {"post": "yes"}).status_code == 302
    assert set(Campaign.objects.filter(organization=world.organization)) == {world.campaign}


@pytest.mark.parametrize("tcr_id", ["CNEW123", ""])
def test_a_campaign_with_numbers_keeps_its_tcr_id(world: World, admin_client: Client, tcr_id: str) -> None:
    on = {"campaign": world.campaign, "carrier_line_option_status": "pending"}
    PhoneNumber.objects.filter(id=world.phone_number.id).update(**on)
    address = page(Campaign, "change", world.campaign.id)
    assert admin_client.post(address, _form(world.brand, tcr_campaign_id="COLD123")).status_code == 302, "The first."
    assert errors_of(admin_client.post(address, _form(world.brand, tcr_campaign_id=tcr_id))) == {
        "tcr_campaign_id": ["Numbers are on the campaign. Detach them, correct it, attach them again."]
    }
    assert admin_client.post(address, _form(world.brand, tcr_campaign_id="COLD123")).status_code == 302
    PhoneNumber.objects.filter(id=world.phone_number.id).update(campaign=None, carrier_line_option_status=None)
    assert admin_client.post(address, _form(world.brand, tcr_campaign_id=tcr_id)).status_code == 302


def test_campaigns_are_found_and_filtered(world: World, admin_client: Client) -> None:
    campaign = CampaignFactory.create(name="Spring whitening", tcr_campaign_id="CSPRNG1", status="REJECTED")
    for query in (
        {"q": "whitening"},
        {"q": "csprng1"},
        {"q": str(campaign.id)},
        {"q": str(campaign.brand_id)},
        {"brand__id__exact": str(campaign.brand_id)},
        {"organization__id__exact": str(campaign.organization_id)},
        {"status__exact": "REJECTED"},
    ):
        assert listed(admin_client.get(page(Campaign, "changelist"), query)) == [campaign]


def test_a_viewer_changes_nothing(world: World) -> None:
    viewer = sign_in("view_campaign")
    assert viewer.get(page(Campaign, "change", world.campaign.id)).status_code == 200
    for address in (
        page(Campaign, "add"),
        page(Campaign, "change", world.campaign.id),
        page(Campaign, "delete", world.campaign.id),
    ):
        assert viewer.post(address, _form(world.brand, post="yes")).status_code == 403
    assert not Campaign.objects.filter(name="Reminders").exists()


def test_the_list_costs_the_same_for_thirty_campaigns(admin_client: Client) -> None:
    CampaignFactory.create()
    one = count_queries(admin_client, page(Campaign, "changelist"))
    CampaignFactory.create_batch(29)
    assert count_queries(admin_client, page(Campaign, "changelist")) == one
