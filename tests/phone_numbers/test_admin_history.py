"""The history of attachments at the admin: to read, from anywhere, and to change from nowhere."""

from typing import Any

import pytest
from django.test import Client

from accounts.actors import Actor
from phone_numbers.models import CampaignAttachment, PhoneNumber
from phone_numbers.services.attach import attach_campaign
from phone_numbers.services.release import release_phone_number
from tests.support.factories import CampaignFactory, OperatorFactory, PhoneNumberFactory, make_key
from tests.support.operators import actions_offered, count_queries, listed, page, sign_in
from tests.support.worlds import Tenant, World

REQUEST_ID = "01JTBQH2FZ8K1RXC0WJ4Z9P3VM"


def _attach(tenant: Tenant, actor: Actor | None = None) -> CampaignAttachment:
    number = attach_campaign(
        organization_id=tenant.organization.id,
        phone_number_id=tenant.phone_number.id,
        campaign_id=tenant.campaign.id,
        actor=actor or Actor.for_command("test"),
    )
    assert number.current_attachment is not None
    return number.current_attachment


def _history() -> list[Any]:
    return list(CampaignAttachment.objects.values())


def test_entries_cannot_be_added_changed_or_deleted(world: World, admin_client: Client) -> None:
    entry = _attach(world)
    before = _history()
    for address in (
        page(CampaignAttachment, "add"),
        page(CampaignAttachment, "change", entry.id),
        page(CampaignAttachment, "delete", entry.id),
    ):
        assert admin_client.post(address, {"status": "propagated", "post": "yes"}).status_code == 403
    assert actions_offered(admin_client.get(page(CampaignAttachment, "changelist"))) == set()
    form = {
        "attachments-TOTAL_FORMS": "1",
        "attachments-INITIAL_FORMS": "1",
        "attachments-0-id": str(entry.id),
        "attachments-0-phone_number": str(world.phone_number.id),
        "attachments-0-status": "propagated",
        "attachments-0-DELETE": "on",
        "label": "x",
    }
    assert admin_client.post(page(PhoneNumber, "change", world.phone_number.id), form).status_code == 302
    assert _history() == before


def test_the_page_of_a_number_shows_its_own_history(world: World, admin_client: Client) -> None:
    _attach(world)
    _attach(world.stranger)
    content = admin_client.get(page(PhoneNumber, "change", world.phone_number.id)).content.decode()
    assert page(CampaignAttachment, "change", world.phone_number.attachments.get().id) in content
    assert world.campaign.name in content
    assert "command test" in content
    assert world.stranger.campaign.name not in content


def test_who_may_not_see_history_does_not_see_it_on_a_number_either(world: World) -> None:
    _attach(world, Actor.for_command("secret-command"))
    address = page(PhoneNumber, "change", world.phone_number.id)
    assert "secret-command" in sign_in("view_phonenumber", "view_campaignattachment").get(address).content.decode()
    assert "secret-command" not in sign_in("view_phonenumber").get(address).content.decode()


def test_an_entry_says_who_it_was_by_name(world: World, admin_client: Client) -> None:
    operator = OperatorFactory.create(username="ada")
    key, _plain = make_key(world.organization)
    for actor, words in [
        (Actor.for_operator(operator, request_id=REQUEST_ID), "operator ada"),
        (Actor.for_api_key(key, request_id=REQUEST_ID), "API key test"),
        (Actor.for_worker("reconcile"), "system reconcile"),
        (Actor.for_command("load_inventory"), "command load_inventory"),
    ]:
        world.phone_number = PhoneNumberFactory.create(organization=world.organization)
        entry = _attach(world, actor)
        assert words in admin_client.get(page(CampaignAttachment, "change", entry.id)).content.decode()
        assert words in admin_client.get(page(CampaignAttachment, "changelist")).content.decode()


def test_an_actor_that_is_no_id_is_no_crash(world: World, admin_client: Client) -> None:
    _attach(world, Actor.for_command("11111111-not-an-id"))
    assert "11111111-not-an-id" in admin_client.get(page(CampaignAttachment, "changelist")).content.decode()


def test_a_detach_is_shown_as_one(world: World, admin_client: Client) -> None:
    _attach(world)
    release_phone_number(
        organization_id=world.organization.id,
        phone_number_id=world.phone_number.id,
        actor=Actor.for_command("test"),
    )
    newest, _oldest = listed(admin_client.get(page(CampaignAttachment, "changelist")))
    assert newest.campaign is None
    assert "detached" in admin_client.get(page(CampaignAttachment, "changelist")).content.decode()


def test_times_are_written_as_a_log_writes_them(world: World, admin_client: Client) -> None:
    created_at = _attach(world).created_at
    content = admin_client.get(page(CampaignAttachment, "changelist")).content.decode()
    assert f"{created_at:%Y-%m-%d %H:%M:%S} UTC" in content


def test_history_is_found_and_filtered(world: World, admin_client: Client) -> None:
    operator = OperatorFactory.create()
    ours = _attach(world, Actor.for_operator(operator, request_id=REQUEST_ID))
    theirs = _attach(world.stranger)
    for query, found in [
        ({"q": world.phone_number.number}, [ours]),
        ({"q": "(919)"}, [theirs, ours]),
        ({"q": "919"}, [theirs, ours]),
        ({"q": REQUEST_ID}, [ours]),
        ({"q": str(ours.id)}, [ours]),
        ({"q": str(world.phone_number.id)}, [ours]),
        ({"q": str(world.campaign.id)}, [ours]),
        ({"q": str(operator.id)}, [ours]),
        ({"organization__id__exact": str(world.stranger.organization.id)}, [theirs]),
        ({"campaign__id__exact": str(world.campaign.id)}, [ours]),
        ({"actor_kind__exact": "command"}, [theirs]),
        ({"status__exact": "failed"}, []),
    ]:
        assert listed(admin_client.get(page(CampaignAttachment, "changelist"), query)) == found, query


@pytest.mark.parametrize("name", ["changelist", "on the number's page"])
def test_history_costs_the_same_for_fifteen_entries(name: str, world: World, admin_client: Client) -> None:
    actors = [Actor.for_operator(OperatorFactory.create(), request_id=REQUEST_ID) for _ in range(15)]
    address = (
        page(CampaignAttachment, "changelist")
        if name == "changelist"
        else page(PhoneNumber, "change", world.phone_number.id)
    )
    _attach(world, actors.pop())
    one = count_queries(admin_client, address)
    for actor in actors:
        world.campaign = CampaignFactory.create(brand=world.brand)
        _attach(world, actor)
    assert count_queries(admin_client, address) == one
    assert CampaignAttachment.objects.count() == 15


def test_the_list_costs_the_same_for_thirty_numbers(world: World, admin_client: Client) -> None:
    _attach(world)
    one = count_queries(admin_client, page(CampaignAttachment, "changelist"))
    for _ in range(29):
        _attach(Tenant())
    assert count_queries(admin_client, page(CampaignAttachment, "changelist")) == one
