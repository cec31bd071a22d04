"""The groups that migrations make. tests/test_console_permissions.py tries them on every page and action."""

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models

from tests.support.factories import OperatorFactory
from tests.support.operators import member_of


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
    may_write = {f"{verb}_{thing}" for verb in ("add", "change") for thing in things}
    assert administrator == operator | may_write | {"add_inventoryimport"}


def test_each_group_may_do_more_than_the_one_before(db: None) -> None:
    viewer, operator, administrator = (member_of(name) for name in ("viewer", "operator", "administrator"))
    superuser = OperatorFactory.create()
    ranks = [viewer, operator, administrator, superuser]
    for editor in ranks[:-1]:
        assert [other for other in ranks if editor.may_edit(other)] == ranks[: ranks.index(editor)]
    assert all(superuser.may_edit(other) for other in ranks)
