"""Why something is changed: every form of the console asks, Django's log keeps it, and the page of the row shows it."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db import models
from django.test import Client

from accounts.models import ApiKey, Operator, Organization
from brands.models import Brand
from tests.support.factories import OperatorFactory, OrganizationFactory, make_key
from tests.support.operators import errors_of, page
from tests.support.worlds import World

WHY = "Ticket 4711: <wrong> name"
PASSWORD = {"usable_password": "true", "password1": "correct horse", "password2": "correct horse"}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (Organization, {"name": "New", "slug": "new"}),
        (Operator, {"username": "new"} | PASSWORD),
        (Group, {"name": "new"}),
        (ApiKey, {"label": "new", "scopes": ["numbers:read"]}),
        (Brand, {"name": "New"}),
    ],
)
def test_adding_keeps_the_reason(model: type[models.Model], body: dict[str, Any], admin_client: Client) -> None:
    if model in (ApiKey, Brand):
        body = body | {"organization": str(OrganizationFactory.create().id)}
    assert 'name="reason"' in admin_client.get(page(model, "add")).content.decode()
    added = admin_client.post(page(model, "add"), body | {"reason": WHY})
    assert added.status_code == (200 if model is ApiKey else 302)
    entry = LogEntry.objects.get()
    assert (entry.is_addition(), entry.get_change_message()) == (True, f"Added. Reason: {WHY}")
    shown = admin_client.get(page(model, "change", entry.object_id)).content.decode()
    assert "Ticket 4711: &lt;wrong&gt; name" in shown


def test_changing_keeps_the_reason(world: World, admin_client: Client) -> None:
    operator, group = OperatorFactory.create(), Group.objects.create(name="old")
    key, _plain = make_key(world.organization)
    changes: list[tuple[models.Model, str, dict[str, Any], str]] = [
        (operator, "change", {"username": "new", "is_active": "on"}, "Changed Username"),
        (group, "change", {"name": "new"}, "Changed Name"),
        (world.organization, "change", {"name": "New", "slug": "new"}, "Changed Name and Slug"),
        (key, "change", {"label": "New"}, "Changed Label"),
    ]
    for row, name, body, message in changes:
        assert admin_client.post(page(type(row), name, row.pk), body | {"reason": WHY}).status_code == 302, row
        entry = LogEntry.objects.latest("id")
        assert entry.get_change_message().startswith(message), row
        assert entry.get_change_message().endswith(f". Reason: {WHY}")
        assert "Ticket 4711: &lt;wrong&gt; name" in admin_client.get(page(type(row), name, row.pk)).content.decode()
    changed = admin_client.post(f"/admin/accounts/operator/{operator.id}/password/", PASSWORD | {"reason": WHY})
    assert changed.status_code == 302
    assert LogEntry.objects.latest("id").get_change_message() == f"Changed password. Reason: {WHY}"


def test_a_reason_is_optional_and_changes_nothing_alone(admin_client: Client) -> None:
    organization = OrganizationFactory.create()
    body = {"name": organization.name, "slug": organization.slug}
    admin_client.post(page(Organization, "change", organization.id), body | {"reason": WHY})
    assert LogEntry.objects.get().get_change_message() == f"No fields changed. Reason: {WHY}"
    admin_client.post(page(Organization, "change", organization.id), body | {"name": "New"})
    assert LogEntry.objects.latest("id").get_change_message() == "Changed Name."
    refused = admin_client.post(page(Organization, "add"), {"name": "A", "slug": "a", "reason": "x" * 501})
    assert set(errors_of(refused)) == {"reason"}
    assert not Organization.objects.filter(slug="a").exists()
