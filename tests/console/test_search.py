"""The command palette: what it finds, at most 20 rows of it, and only what the operator may see."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.actors import Actor
from agentmessage.ids import new_request_id
from phone_numbers.models import CampaignAttachment
from phone_numbers.services.attach import attach_campaign
from propagation.models import CarrierOrder
from tests.support.factories import CampaignFactory, OperatorFactory, PhoneNumberFactory, make_key
from tests.support.operators import browser_of, sign_in
from tests.support.worlds import World


def found(client: Client, term: str, **parameters: str) -> list[str]:
    """The addresses that the palette offers."""
    response = client.get(reverse("admin:search"), {"extended": "1", "s": term, **parameters})
    assert response.status_code == 200
    return re.findall(r'href="(/admin/[^"]+/change/)"', response.content.decode())


def test_it_finds_each_thing_by_what_people_have_of_it(world: World, admin_client: Client) -> None:
    number = PhoneNumberFactory.create(number="+13365550123", label="Front Desk", organization=world.organization)
    campaign = CampaignFactory.create(tcr_campaign_id="CPALET1")
    request_id = new_request_id()
    attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=number.id,
        campaign_id=world.campaign.id,
        actor=Actor.for_operator(OperatorFactory.create(), request_id=request_id),
    )
    entry = CampaignAttachment.objects.get()
    order = CarrierOrder.objects.create(
        organization=world.organization, campaign=world.campaign, carrier="bandwidth", action="attach",
        created_at=timezone.now(), next_poll_at=timezone.now(), carrier_order_id="bw-ORDER-4711",
    )  # fmt: skip
    key, _plain = make_key(world.organization)
    for term, row in [
        ("(336) 555-0123", number),
        ("+1 336 555 0123", number),
        ("0123", number),
        ("front desk", number),
        (str(number.id).upper(), number),
        ("cpalet1", campaign),
        (str(campaign.id), campaign),
        (str(world.brand.id), world.brand),
        (world.organization.slug, world.organization),
        (request_id, entry),
        (request_id.lower(), entry),
        (str(entry.id), entry),
        ("bw-ORDER-4711", order),
        (str(order.id), order),
        (str(key.id), key),
    ]:
        opts = row._meta
        assert found(admin_client, term) == [
            reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
        ], term
    for term in ("", " ", "\x00", "nothing of that kind", "x" * 5000):
        assert found(admin_client, term) == []


def test_it_offers_twenty_at_most(world: World, admin_client: Client) -> None:
    PhoneNumberFactory.create_batch(25, label="same label")
    assert len(found(admin_client, "same label")) == 20
    assert len(found(admin_client, "same label", page="7")) == 20
    assert len(found(admin_client, "same label", page="abc")) == 20


@pytest.mark.parametrize("permissions", [(), ("view_campaign",), ("change_brand", "view_brand")])
def test_it_offers_only_what_the_operator_may_see(permissions: tuple[str, ...], world: World) -> None:
    client = sign_in(*permissions)
    for term in (world.phone_number.number, str(world.phone_number.id)):
        assert found(client, term) == []
    assert len(found(client, str(world.campaign.id))) == ("view_campaign" in permissions)
    assert Client().get(reverse("admin:search"), {"extended": "1", "s": "1919"}).status_code == 302


def test_a_lost_permission_and_a_change_count_at_once(world: World) -> None:
    operator = OperatorFactory.create()
    client = browser_of(operator)
    number = PhoneNumberFactory.create(label="before the change")
    assert len(found(client, "before the change")) == 1
    number.label = "after"
    number.save()
    assert found(client, "before the change") == []
    assert len(found(client, "after")) == 1
    operator.is_superuser = False
    operator.save()
    assert found(client, "after") == []
