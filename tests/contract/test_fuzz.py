"""Schemathesis holds the running app against its own document: every check that it has, on good input and on bad."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import hypothesis
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries
from hypothesis import strategies
from schemathesis import Case, GenerationMode

from accounts.models import Scope
from agentmessage.api.pagination import Cursor
from agentmessage.ids import parse_uuid
from tests.support.factories import make_key
from tests.support.worlds import World

# What a cursor may be, only this service knows.
_cursor = Cursor(datetime.fromisoformat("2026-04-26T12:00:00Z"), UUID(int=0)).encode()
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]")
schemathesis.openapi.format("cursor", strategies.just(_cursor))

api = schemathesis.openapi.from_wsgi("/v1/openapi.json", get_wsgi_application())
# The key is ours to send; without it, or with a wrong one, is what the check `ignored_auth` tries.
api.config.generation.update(deterministic=True, with_security_parameters=False)


@pytest.fixture
def world_and_key(db: None) -> Iterator[tuple[World, str]]:
    """A key with every scope, in a world where an attach succeeds."""
    # The WSGI handler tells Django when a request has ended, which closes the connection that the test's transaction is
    # on.
    request_started.disconnect(reset_queries)
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    world = World()
    _key, plain = make_key(world.organization, *Scope)
    yield world, plain
    request_started.connect(reset_queries)
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@api.parametrize()
@hypothesis.settings(max_examples=40, database=None, suppress_health_check=list(hypothesis.HealthCheck))
def test_every_operation(case: Case[Any], world_and_key: tuple[World, str]) -> None:
    world, key = world_and_key
    _name_what_exists(case, world)
    case.call_and_validate(headers={"Authorization": f"Bearer {key}"})


def _name_what_exists(case: Case[Any], world: World) -> None:
    """Half of the ids exist, every expiry is to come, every URL is https: JSON Schema has no words for that."""
    existing = {
        "phone-numbers": world.phone_number.id,
        "campaigns": world.campaign.id,
        "brands": world.brand.id,
        "api-keys": world.organization.api_keys.exclude(label="test").values_list("id", flat=True).first(),
    }
    if _is_to_exist(case.path_parameters.get("id")):
        case.path_parameters["id"] = str(existing[case.path.split("/")[2]] or case.path_parameters["id"])
    body = case.body
    if isinstance(body, dict):
        if _is_to_exist(body.get("campaign_id")):
            body["campaign_id"] = str(world.campaign.id)
        expiry = body.get("expires_at")
        if isinstance(expiry, str) and _MOMENT.match(expiry):
            body["expires_at"] = "9" + expiry[1:]
        if case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
            body |= {name: "https://example.com/x" for name in ("inbound_url", "status_url") if body.get(name)}


def _is_to_exist(value: object) -> bool:
    identifier = parse_uuid(value)
    return identifier is not None and identifier.int % 2 == 0
