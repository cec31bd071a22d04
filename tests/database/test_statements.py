"""Statements that are written by hand read what the ORM reads."""

import pytest
from django.db import DataError, transaction
from django.forms.models import model_to_dict

from accounts.models import ApiKey
from agentmessage.database.statements import fetch_all, fetch_one, instance, run, select
from tests.factories import make_key
from tests.worlds import World

pytestmark = pytest.mark.django_db


def test_an_object_is_what_the_orm_would_have_read(world: World) -> None:
    make_key(world.organization)
    expected = ApiKey.objects.get()
    row = fetch_one(select(ApiKey, "id = %s"), [expected.id])
    assert row is not None
    found = instance(ApiKey, row)
    assert {field.attname: getattr(found, field.attname) for field in ApiKey._meta.concrete_fields} == {
        field.attname: getattr(expected, field.attname) for field in ApiKey._meta.concrete_fields
    }
    assert model_to_dict(found) == model_to_dict(expected)
    assert found._state.adding is False


def test_rows_and_none() -> None:
    assert fetch_all("SELECT n FROM generate_series(1, %s) n", [3]) == [(1,), (2,), (3,)]
    assert fetch_one("SELECT 1 WHERE %s", [False]) is None


def test_they_are_part_of_the_transaction(world: World) -> None:
    with transaction.atomic():
        run("UPDATE accounts_organization SET name = 'other' WHERE id = %s", [world.organization.id])
        transaction.set_rollback(True)
    world.organization.refresh_from_db()
    assert world.organization.name != "other"


def test_errors_are_djangos() -> None:
    with pytest.raises(DataError), transaction.atomic():
        run("SELECT 1 / %s::integer", [0])
