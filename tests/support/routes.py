"""Every route below /v1, as the URLconf has it, and requests to them that go through."""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import ApiKey
from agentmessage.api.views import ApiView
from tests.support.api import ApiClient
from tests.support.factories import make_key
from tests.support.worlds import World

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer


def _walk(entries: Iterable[URLPattern | URLResolver], above: str) -> Iterator[tuple[str, URLPattern]]:
    for entry in entries:
        path = above + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, path)
        elif path.lstrip("^").startswith("v1"):
            yield path, entry


# The path and the pattern of every route below /v1, however deep it is included.
ROUTES = list(_walk(get_resolver().url_patterns, ""))
PATHS = {route.name or "": path for path, route in ROUTES}


VIEWS: dict[str, type[ApiView]] = {route.name or "": route.callback.cls for _path, route in ROUTES}  # type: ignore[attr-defined]  # DRF's `as_view` puts it there.


def view_of(name: str) -> type[ApiView]:
    """The view of a route."""
    return VIEWS[name]


def methods_of(name: str) -> list[str]:
    """The methods that the route's view implements."""
    view = view_of(name)
    return [method.upper() for method in view.http_method_names if method != "options" and hasattr(view, method)]


def valid_body(name: str, method: str, world: World) -> dict[str, object] | None:
    """A body with which the call goes through, where it wants one."""
    match (name, method):
        case ("phone-number", "PATCH"):
            return {"label": "Front desk"}
        case ("phone-number-campaign", "POST"):
            return {"campaign_id": str(world.campaign.id)}
        case ("campaign-phone-numbers", "POST"):
            return {"phone_number_ids": [str(world.phone_number.id)]}
        case ("api-keys", "POST"):
            return {"label": "new", "scopes": ["apikeys:write"]}
    return None


def path_of(name: str, world: World, *, of: str) -> str:
    """The path of a route to a thing of the world's own organization, of the stranger, or a missing one."""
    key, _plain = make_key(world.organization if of == "own" else world.stranger.organization)
    owner = world if of == "own" else world.stranger
    things = {"phone": owner.phone_number.id, "campaign": owner.campaign.id, "brand": owner.brand.id, "api": key.id}
    thing = uuid4() if of == "missing" else things.get(name.partition("-")[0].rstrip("s"), uuid4())
    return "/" + "/".join(str(thing) if "<" in part else part for part in PATHS[name].split("/"))


def call(client: ApiClient, name: str, method: str, path: str, world: World) -> "Answer":
    """Send a request that goes through, if the path does."""
    body = valid_body(name, method, world)
    content = json.dumps(body) if body else ""
    return client.client.generic(method, path, content, content_type="application/json")


def send(client: ApiClient, method: str, path: str, body: str | bytes = b"", **extra: Any) -> "Answer":
    """Send a body of text or bytes, declared as JSON unless the test says otherwise."""
    extra.setdefault("content_type", "application/json")
    return client.client.generic(method, path, body, **extra)


def everything() -> list[Any]:
    """Every row of the service's own tables, but for the times at which keys were used."""
    labels = ("accounts", "brands", "campaigns", "numbers", "propagation")
    models = [model for label in labels for model in apps.get_app_config(label).get_models()]
    return [list(model._default_manager.order_by("pk").values(*_names(model))) for model in models]


def _names(model: Any) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields if (model, field.name) != (ApiKey, "last_used_at")]
