"""Organizations at the admin."""

import re

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import Organization
from tests.support.factories import OrganizationFactory, PhoneNumberFactory
from tests.support.operators import count_queries, errors_of, listed, page, run_action, sign_in
from tests.support.worlds import World


def test_an_organization_is_added(admin_client: Client) -> None:
    response = admin_client.post(page(Organization, "add"), {"name": "Blue Ridge Dental", "slug": "blue-ridge"})
    assert response.status_code == 302
    assert Organization.objects.values_list("name", "slug").get() == ("Blue Ridge Dental", "blue-ridge")


@pytest.mark.parametrize(
    ("name", "slug", "refused"),
    [
        ("X", "-x", {"slug": ["Small letters, digits and hyphens only, and a letter or digit first."]}),
        ("X", "Blue_Ridge", {"slug": ["Small letters, digits and hyphens only, and a letter or digit first."]}),
        (" ", "x", {"name": ["This field is required."]}),
        ("X", "taken", {"slug": ["Organization with this Slug already exists."]}),
    ],
)
def test_a_refused_organization_is_not_added(
    name: str, slug: str, refused: dict[str, list[str]], admin_client: Client
) -> None:
    OrganizationFactory.create(slug="taken")
    assert errors_of(admin_client.post(page(Organization, "add"), {"name": name, "slug": slug})) == refused
    assert Organization.objects.count() == 1


def test_what_protects_an_organization_is_named_instead_of_deleting_it(world: World, admin_client: Client) -> None:
    for _ in range(25):
        PhoneNumberFactory.create(organization=world.organization)
    for response in (
        admin_client.get(page(Organization, "delete", world.organization.id)),
        admin_client.post(page(Organization, "delete", world.organization.id), {"post": "yes"}),
        run_action(admin_client, Organization, "delete_selected", world.organization, world.stranger.organization),
    ):
        message = list(get_messages(response.wsgi_request))[-1]
        assert "cannot be deleted, because of " in str(message)
        assert re.search(r"\b(26|27) phone numbers, (2|4) campaigns, (1 brand|2 brands)\.", str(message))
    assert Organization.objects.count() == 2


def test_an_organization_that_has_nothing_is_deleted(world: World, admin_client: Client) -> None:
    empty = OrganizationFactory.create()
    assert admin_client.post(page(Organization, "delete", empty.id), {"post": "yes"}).status_code == 302
    assert set(Organization.objects.all()) == {world.organization, world.stranger.organization}


def test_its_page_leads_to_everything_that_it_has(world: World, admin_client: Client) -> None:
    response = admin_client.get(page(Organization, "change", world.organization.id))
    addresses = re.findall(r'href="([^"]+organization__id__exact=[^"]+)"', response.content.decode())
    found = {address.split("/")[3]: listed(admin_client.get(address)) for address in addresses}
    assert {name: len(rows) for name, rows in found.items()} == {
        "apikey": 0,
        "brand": 1,
        "campaign": 2,
        "campaignattachment": 0,
        "carrierorder": 0,
        "carrierreading": 0,
        "phonenumber": 1,
    }
    assert found["phonenumber"] == [world.phone_number]


def test_organizations_are_found_by_name_slug_and_id(admin_client: Client) -> None:
    organization = OrganizationFactory.create(name="Blue Ridge Dental", slug="brd")
    OrganizationFactory.create(name="Piedmont Pizza")
    for term in ("ridge blue", "BRD", str(organization.id)):
        assert listed(admin_client.get(page(Organization, "changelist"), {"q": term})) == [organization]


def test_a_search_with_a_null_character_is_no_crash(admin_client: Client) -> None:
    OrganizationFactory.create()
    assert admin_client.get(page(Organization, "changelist"), {"q": "x\x00"}).status_code == 200
    autocomplete = {"app_label": "brands", "model_name": "brand", "field_name": "organization", "term": "x\x00"}
    assert admin_client.get("/admin/autocomplete/", autocomplete).json()["results"] == []


def test_a_viewer_changes_nothing(world: World) -> None:
    viewer = sign_in("view_organization")
    assert viewer.get(page(Organization, "change", world.organization.id)).status_code == 200
    for address in (
        page(Organization, "add"),
        page(Organization, "change", world.organization.id),
        page(Organization, "delete", world.organization.id),
    ):
        assert viewer.post(address, {"name": "Mine", "slug": "mine", "post": "yes"}).status_code == 403
    assert not Organization.objects.filter(slug="mine").exists()


def test_the_list_costs_the_same_for_thirty_organizations(admin_client: Client) -> None:
    OrganizationFactory.create()
    one = count_queries(admin_client, page(Organization, "changelist"))
    OrganizationFactory.create_batch(29)
    assert count_queries(admin_client, page(Organization, "changelist")) == one
