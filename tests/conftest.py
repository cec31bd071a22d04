"""Fixtures that every test can ask for."""

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.api import ApiClient
from tests.factories import make_key
from tests.worlds import World


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """The tests' database. A test that commits is cleaned up after by TRUNCATE, which history forbids."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE numbers_campaignattachment DISABLE TRIGGER numbers_campaignattachment_no_truncate")


@pytest.fixture
def world(db: None) -> World:
    """An organization in which the attach succeeds, and a second one just like it."""
    return World()


@pytest.fixture
def api(world: World) -> ApiClient:
    """A client whose key belongs to the world's first organization and may write numbers."""
    _key, plain = make_key(world.organization)
    return ApiClient(plain)
