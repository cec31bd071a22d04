"""Brands at the admin."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import Organization
from brands.models import Brand
from tests.support.factories import BrandFactory, CampaignFactory, OrganizationFactory
from tests.support.operators import count_queries, errors_of, listed, page, sign_in


def _form(organization: Organization, /, **fields: Any) -> dict[str, Any]:
    return {
        "organization": str(organization.id),
        "name": "Acme",
        "tcr_brand_id": "BACME01",
        "identity_status": "VERIFIED",
    } | fields


def test_a_brand_is_added(admin_client: Client) -> None:
    organization = OrganizationFactory.create()
    assert admin_client.post(page(Brand, "add"), _form(organization)).status_code == 302
    brand = Brand.objects.get()
    assert (brand.organization, brand.name, brand.tcr_brand_id) == (organization, "Acme", "BACME01")
    assert brand.is_verified


def test_what_is_left_empty_is_null(admin_client: Client) -> None:
    form = _form(OrganizationFactory.create(), tcr_brand_id="", identity_status="")
    admin_client.post(page(Brand, "add"), form)
    assert Brand.objects.values_list("tcr_brand_id", "identity_status").get() == (None, None)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"tcr_brand_id": "CACME01"}, {"tcr_brand_id": ['"CACME01" must be B and 6 to 11 capitals or digits.']}),
        ({"tcr_brand_id": "Bacme01"}, {"tcr_brand_id": ['"Bacme01" must be B and 6 to 11 capitals or digits.']}),
        ({"tcr_brand_id": "BTAKEN1"}, {"tcr_brand_id": ["The organization has a brand of this id already."]}),
        ({"name": " "}, {"name": ["This field is required."]}),
        (
            {"identity_status": "FAMOUS"},
            {"identity_status": ["Select a valid choice. FAMOUS is not one of the available choices."]},
        ),
    ],
)
def test_a_refused_brand_is_not_added(
    fields: dict[str, Any], refused: dict[str, list[str]], admin_client: Client
) -> None:
    taken = BrandFactory.create(tcr_brand_id="BTAKEN1")
    assert errors_of(admin_client.post(page(Brand, "add"), _form(taken.organization, **fields))) == refused
    assert Brand.objects.count() == 1


def test_an_id_that_is_taken_is_refused_on_the_page_of_a_brand_too(admin_client: Client) -> None:
    """Its organization is not on the form there, so Django would leave the constraint to the database."""
    taken = BrandFactory.create(tcr_brand_id="BTAKEN1")
    brand = BrandFactory.create(organization=taken.organization)
    form = _form(brand.organization, tcr_brand_id="BTAKEN1")
    assert errors_of(admin_client.post(page(Brand, "change", brand.id), form)) == {
        "tcr_brand_id": ["The organization has a brand of this id already."]
    }
    form = _form(brand.organization, tcr_brand_id="BTAKEN2")
    assert admin_client.post(page(Brand, "change", brand.id), form).status_code == 302


def test_a_brand_stays_with_its_organization(admin_client: Client) -> None:
    brand = BrandFactory.create()
    organization = brand.organization
    admin_client.post(page(Brand, "change", brand.id), _form(OrganizationFactory.create(), name="Renamed"))
    updated_at = brand.updated_at
    brand.refresh_from_db()
    assert (brand.organization, brand.name) == (organization, "Renamed")
    assert brand.updated_at > updated_at


def test_a_brand_with_campaigns_is_not_deleted(admin_client: Client) -> None:
    campaign = CampaignFactory.create()
    response = admin_client.post(page(Brand, "delete", campaign.brand_id), {"post": "yes"})
    (message,) = get_messages(response.wsgi_request)
    assert str(message) == (
        f"“{campaign.brand}” cannot be deleted, because of 1 campaign. A brand stays as long as a campaign does."
    )
    assert Brand.objects.filter(id=campaign.brand_id).exists()


def test_brands_are_found_and_filtered(admin_client: Client) -> None:
    brand = BrandFactory.create(name="Blue Ridge Dental LLC", tcr_brand_id="BBRD001")
    BrandFactory.create(name="Piedmont Pizza")
    for query in (
        {"q": "dental blue"},
        {"q": "bbrd001"},
        {"q": str(brand.id)},
        {"organization__id__exact": str(brand.organization_id)},
        {"q": "blue", "identity_status__exact": "VERIFIED"},
    ):
        assert listed(admin_client.get(page(Brand, "changelist"), query)) == [brand]


def test_a_viewer_changes_nothing(db: None) -> None:
    brand = BrandFactory.create()
    viewer = sign_in("view_brand")
    assert viewer.get(page(Brand, "change", brand.id)).status_code == 200
    for address in (page(Brand, "add"), page(Brand, "change", brand.id), page(Brand, "delete", brand.id)):
        assert viewer.post(address, _form(brand.organization, post="yes")).status_code == 403
    assert list(Brand.objects.values_list("name", flat=True)) == [brand.name]


def test_the_list_costs_the_same_for_thirty_brands(admin_client: Client) -> None:
    BrandFactory.create()
    one = count_queries(admin_client, page(Brand, "changelist"))
    BrandFactory.create_batch(29)
    assert count_queries(admin_client, page(Brand, "changelist")) == one
