"""What goes to standard error."""

import ast
import json
import re
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.test import Client

from accounts.models import ApiKey
from agentmessage.logs import configure_logging
from tests.support.api import ApiClient
from tests.support.worlds import World

ROOT = Path(settings.BASE_DIR)
LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
EVENT = re.compile(r"[a-z_]+\.[a-z_]+")


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Logs at INFO, and as the settings have them afterwards."""
    configure_logging(level="INFO")
    yield
    configure_logging(level=settings.LOG_LEVEL)


def test_an_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.contextvars.bound_contextvars(request_id="01J"):
        structlog.get_logger("tests").info("request.completed", status=200)
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert said.pop("timestamp").endswith("Z")
    assert said == {
        "event": "request.completed",
        "status": 200,
        "request_id": "01J",
        "logger": "tests",
        "level": "info",
    }


def test_what_is_below_the_level_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("tests").debug("quiet")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", ["\ud800", 1 << 70])
def test_no_line_is_lost_for_what_is_in_it(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("tests").info("odd", value=value)
    assert json.loads(capsys.readouterr().err)["value"] == value


def test_an_error_comes_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger("tests").error("failed", exc_info=ValueError("why"))
    said = json.loads(capsys.readouterr().err)
    assert (said["level"], "ValueError: why" in said["exception"]) == ("error", True)


def _is_log_method(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in LEVELS and ast.unparse(node.value) in ("log", "logger")


def _events(source: str) -> Iterator[str]:
    """Every event in a module's source.

    It is the first argument of `log.info(…)` and of `partial(log.info, …)`, or what a function takes as `event`.
    """
    tree = ast.parse(source)
    takes_event = {
        function.name: [argument.arg for argument in function.args.args].index("event")
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and "event" in (argument.arg for argument in function.args.args)
    }
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            name, *arguments = [call.func, *call.args]
            if ast.unparse(name) == "partial":
                name, *arguments = arguments
            if _is_log_method(name) and ast.unparse(arguments[0]) != "event":
                yield ast.unparse(arguments[0])
            elif ast.unparse(name) in takes_event:
                yield ast.unparse(arguments[takes_event[ast.unparse(name)]])


def test_an_event_is_named_by_its_domain() -> None:
    named = []
    for folder in ("agentmessage", "accounts", "campaigns", "carriers", "devserver", "phone_numbers", "propagation"):
        for path in (ROOT / folder).rglob("*.py"):
            named += [(path.name, event) for event in _events(path.read_text())]
    assert len(named) > 15
    assert [found for found in named if not EVENT.fullmatch(found[1].strip("\"'"))] == []


def test_an_event_without_a_domain_is_found() -> None:
    """The negative control."""
    source = "log.info('order sent'); write = partial(log.warning, 'webhook', x=1); log.error(name); tell(1, 'expired')"
    source += "\ndef tell(count, event): log.info(event)"
    assert sorted(_events(source)) == ["'expired'", "'order sent'", "'webhook'", "name"]


def test_a_request_says_who_asked(api: ApiClient, world: World, log_lines: list[MutableMapping[str, Any]]) -> None:
    api.client.get("/v1/phone-numbers/x", REMOTE_ADDR="2001:db8:1:2::3")
    [line] = log_lines
    assert line.pop("milliseconds") > 0
    assert line == {
        "event": "request.completed",
        "log_level": "info",
        "method": "GET",
        "path": "/v1/phone-numbers/x",
        "route": "v1/phone-numbers/<str:phone_number_id>",
        "status": 403,
        "network": "2001:db8:1:2::/64",
        "organization_id": str(world.organization.id),
        "key": ApiKey.objects.get().prefix,
    }


@pytest.mark.parametrize(("path", "route"), [("/v1/phone-numbers", "v1/phone-numbers"), ("/v1/nothing", "none")])
def test_a_stranger_has_a_network(
    path: str, route: str, client: Client, db: None, log_lines: list[MutableMapping[str, Any]]
) -> None:
    client.get(path, headers={"Authorization": "Bearer am_live_wrong"}, REMOTE_ADDR="192.0.2.7")
    [line] = log_lines
    assert (line["route"], line["network"], line["organization_id"], line["key"]) == (route, "192.0.2.7", None, None)
