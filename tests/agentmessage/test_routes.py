"""Paths are resolved as Django does it, whichever id is in them and whatever was asked before."""

from uuid import uuid4

import pytest
from django.urls import Resolver404, resolve

from agentmessage.api.middleware import resolve_api

SHAPES = [
    "/v1/phone-numbers",
    "/v1/phone-numbers/{0}",
    "/v1/phone-numbers/{0}/campaign",
    "/v1/phone-numbers/{0}/campaign/history",
    "/v1/campaigns/{0}/phone-numbers",
    "/v1/phone-numbers/{0}{1}",
    "/v1/phone-numbers/x{0}/campaign",
    "/v1/phone-numbers/17",
    "/v1/openapi.json",
    "/v1/phone-numbers/" + "é" * 36,
]
UNKNOWN = [
    "/v1",
    "/v1/",
    "/v1/phone-numbers/{0}/",
    "/v1/{0}",
    "/v1/{0}/{1}/campaign",
    "/v1/phone-numbers/{0}/campaign/{0}",
    "/V1/phone-numbers/{0}",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_as_django_does_it(shape: str) -> None:
    for _ in range(3):
        path = shape.format(uuid4(), uuid4())
        ours, djangos = resolve_api(path), resolve(path)
        assert (ours.func, ours.args, ours.kwargs) == (djangos.func, djangos.args, djangos.kwargs)
        assert (ours.route, ours.url_name) == (djangos.route, djangos.url_name)


@pytest.mark.parametrize("shape", UNKNOWN)
def test_what_django_does_not_know_is_not_found(shape: str) -> None:
    for _ in range(3):
        path = shape.format(uuid4(), uuid4())
        for resolve_it in (resolve_api, resolve):
            with pytest.raises(Resolver404):
                resolve_it(path)
