"""What all lists have in common: relative times, and a sentence where there are no rows."""

import re
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, Operator
from propagation.models import CarrierReading
from tests.support.factories import OrganizationFactory, make_key
from tests.support.operators import listed, page
from tests.support.worlds import World

TIME = re.compile(r'<time datetime="[^"]+" title="(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)">([^<]+)</time>')


def test_times_are_relative_and_exact_on_hover(admin_client: Client) -> None:
    started = timezone.now() - timedelta(days=3, hours=1)
    reading = CarrierReading.objects.create(carrier="simulated", subject="numbers", started_at=started)
    content = admin_client.get(page(CarrierReading, "changelist")).content.decode()
    assert TIME.findall(content) == [(f"{started:%Y-%m-%d %H:%M:%S} UTC", "3 d ago")]
    # The first column leads to the row, as before.
    address = page(CarrierReading, "change", reading.id)
    assert re.search(rf'<a [^>]*href="{address}[^>]*>\s*<time', content)


def test_a_list_sorts_by_a_time_and_shows_none_where_there_is_none(admin_client: Client) -> None:
    organization = OrganizationFactory.create()
    keys = [make_key(organization)[0] for _ in range(2)]
    ApiKey.objects.filter(id=keys[0].id).update(last_used_at=Now() - timedelta(hours=2, minutes=1))
    response = admin_client.get(page(ApiKey, "changelist") + "?o=6")
    assert listed(response) == keys
    assert TIME.findall(response.content.decode())[0][1] == "2 h ago"
    assert listed(admin_client.get(page(ApiKey, "changelist") + "?o=-6")) == keys[::-1]


@pytest.mark.django_db
def test_an_empty_list_says_what_to_do(admin_client: Client) -> None:
    admin.autodiscover()
    empty: list[type[models.Model]] = [model for model in admin.site._registry if model not in (Operator, Group)]
    assert len(empty) >= 10
    for model in empty:
        hint = vars(type(admin.site.get_model_admin(model)))["when_empty"]
        content = admin_client.get(page(model, "changelist")).content.decode()
        assert f"No {model._meta.verbose_name_plural} yet" in content, model
        assert hint, model
        assert hint in content, model


def test_a_search_without_results_says_so(world: World, admin_client: Client) -> None:
    content = admin_client.get(page(type(world.organization), "changelist"), {"q": "nothing like it"}).content.decode()
    assert "Nothing matches the search and the filters." in content
    assert "yet" not in content
