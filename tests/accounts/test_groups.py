"""The groups that migrations make, and that the server honors them on every page and for every action."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.test import Client

from accounts.models import ApiKey, Operator, Organization
from brands.models import Brand
from campaigns.models import Campaign
from phone_numbers.models import CampaignAttachment, LineOptionStatus, NumberState, PhoneNumber
from tests.support.factories import OperatorFactory, make_key
from tests.support.operators import browser_of, member_of, operate, page, run_action
from tests.support.propagation import attach, fail_propagation
from tests.support.worlds import World

WRITES = ("add", "change", "delete")


def _permissions(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


def _shown() -> list[type[models.Model]]:
    """Every model that has pages at the admin."""
    admin.autodiscover()
    return [model for model in apps.get_models() if admin.site.is_registered(model)]


def test_what_the_groups_may_do(db: None) -> None:
    viewer, operator, administrator = map(_permissions, ("viewer", "operator", "administrator"))
    assert {f"view_{model._meta.model_name}" for model in _shown()} <= viewer
    assert all(code_name.startswith("view_") for code_name in viewer)
    assert operator == viewer | {"change_phonenumber"}
    things = ("organization", "apikey", "operator", "brand", "campaign", "phonenumber")
    assert administrator == operator | {f"{verb}_{thing}" for verb in ("add", "change") for thing in things}


def test_each_group_may_do_more_than_the_one_before(db: None) -> None:
    viewer, operator, administrator = (member_of(name) for name in ("viewer", "operator", "administrator"))
    superuser = OperatorFactory.create()
    ranks = [viewer, operator, administrator, superuser]
    for editor in ranks[:-1]:
        assert [other for other in ranks if editor.may_edit(other)] == ranks[: ranks.index(editor)]
    assert all(superuser.may_edit(other) for other in ranks)


def _rows(world: World) -> dict[type[models.Model], models.Model]:
    """A row of each model that has pages."""
    attach(world.phone_number, world.campaign)
    key, _plain = make_key(world.organization)
    rows: list[models.Model] = [
        world.organization, world.brand, world.campaign, world.phone_number, key,
        CampaignAttachment.objects.get(), Group.objects.get(name="viewer"), member_of("viewer"),
    ]  # fmt: skip
    return {type(row): row for row in rows}


def _everything(model: type[models.Model]) -> list[Any]:
    return list(model._default_manager.order_by("pk").values())


@pytest.mark.parametrize("group", ["viewer", "operator", "administrator"])
def test_a_group_writes_on_no_page_that_it_has_no_permission_for(group: str, world: World) -> None:
    rows = _rows(world)
    client, allowed = browser_of(member_of(group)), _permissions(group)
    for model, row in rows.items():
        assert client.get(page(model, "changelist")).status_code == 200, model
        assert client.get(page(model, "change", row.pk)).status_code == 200, model
        before = _everything(model)
        for verb in WRITES:
            if f"{verb}_{model._meta.model_name}" not in allowed:
                address = page(model, verb, *(() if verb == "add" else (row.pk,)))
                assert client.post(address, {"post": "yes"}).status_code == 403, address
        if f"delete_{model._meta.model_name}" not in allowed:
            delete = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
            client.post(page(model, "changelist"), delete)
        assert _everything(model) == before


def _try_everything(client: Client, world: World) -> None:
    """Send every operation on numbers: from the list, from a number's page, and confirmed without either."""
    for name in ("retry", "attach", "detach", "release"):
        for send in (client.get, client.post):
            assert send(page(PhoneNumber, f"{name}_one", world.phone_number.id)).status_code in (302, 403)
        fields = {"campaign": str(world.other_campaign.id)} if name == "attach" else {}
        assert operate(client, f"{name}_selected", world.phone_number, **fields).status_code in (200, 302)


def test_a_viewer_does_nothing_to_numbers(world: World) -> None:
    fail_propagation(world.phone_number, world.campaign)
    before = _everything(PhoneNumber), _everything(CampaignAttachment)
    client = browser_of(member_of("viewer"))
    _try_everything(client, world)
    assert client.get(page(PhoneNumber, "attach_one", world.phone_number.id)).status_code == 403
    assert (_everything(PhoneNumber), _everything(CampaignAttachment)) == before


@pytest.mark.parametrize("group", ["operator", "administrator"])
def test_an_operator_does_everything_to_numbers(group: str, world: World) -> None:
    fail_propagation(world.phone_number, world.campaign)
    _try_everything(browser_of(member_of(group)), world)
    world.phone_number.refresh_from_db()
    assert world.phone_number.state == NumberState.QUARANTINED
    moves = CampaignAttachment.objects.order_by("id").values_list("campaign_id", flat=True)
    assert list(moves) == [world.campaign.id, world.other_campaign.id, None]
    assert world.phone_number.carrier_line_option_status in (None, LineOptionStatus.REMOVING)


@pytest.mark.parametrize(("group", "may"), [("viewer", False), ("operator", False), ("administrator", True)])
def test_keys_and_organizations_are_the_administrators(group: str, may: bool, world: World) -> None:
    client = browser_of(member_of(group))
    key, _plain = make_key(world.organization)
    made = {"organization": str(world.organization.id), "label": "robot", "scopes": ["numbers:read"]}
    assert client.post(page(ApiKey, "add"), made).status_code == (200 if may else 403)
    assert ApiKey.objects.filter(label="robot").exists() is may
    run_action(client, ApiKey, "revoke_selected", key)
    assert client.get(page(ApiKey, "revoke_one", key.id)).status_code == (200 if may else 403)
    revoked = client.post(page(ApiKey, "revoke"), {"_selected_action": [str(key.id)]})
    assert revoked.status_code == (302 if may else 403)
    key.refresh_from_db()
    assert (key.revoked_at is not None) is may
    client.post(page(Organization, "add"), {"name": "New", "slug": "new"})
    assert Organization.objects.filter(slug="new").exists() is may
    for model in (Brand, Campaign, Operator):
        assert client.get(page(model, "add")).status_code == (200 if may else 403)
