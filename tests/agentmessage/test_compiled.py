"""Querysets that are compiled once."""

from uuid import uuid4

import pytest
from django.db.models import QuerySet, UUIDField
from django.forms.models import model_to_dict

from accounts.models import ApiKey, Organization
from agentmessage.db.prepared import CompiledQueryset, Param
from tests.support.factories import make_key
from tests.support.worlds import World


def test_it_reads_what_the_queryset_reads_and_is_compiled_once(world: World) -> None:
    compilations = 0

    def build() -> QuerySet[Organization]:
        nonlocal compilations
        compilations += 1
        return Organization.objects.filter(id=Param("id", UUIDField())).order_by()

    by_id = CompiledQueryset(build)
    for organization in (world.organization, world.stranger.organization):
        found = by_id.first(id=organization.id)
        assert found == organization
        assert found.name == organization.name
    assert by_id.first(id=uuid4()) is None
    assert compilations == 1


def test_a_value_that_is_not_a_param_is_a_mistake(world: World) -> None:
    acme = CompiledQueryset(lambda: Organization.objects.filter(slug="acme"))
    with pytest.raises(ValueError, match=r"as Param: \('acme',\)"):
        acme.first()


def test_an_object_is_what_the_orm_would_have_read(world: World) -> None:
    make_key(world.organization)
    expected = ApiKey.objects.get()
    found = CompiledQueryset(lambda: ApiKey.objects.filter(id=Param("id", UUIDField())).order_by()).first(
        id=expected.id
    )
    assert found is not None
    assert {field.attname: getattr(found, field.attname) for field in ApiKey._meta.concrete_fields} == {
        field.attname: getattr(expected, field.attname) for field in ApiKey._meta.concrete_fields
    }
    assert model_to_dict(found) == model_to_dict(expected)
    assert found._state.adding is False
