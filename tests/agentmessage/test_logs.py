"""What goes to standard error."""

import json
from collections.abc import Iterator

import pytest
import structlog
from django.conf import settings

from agentmessage.logs import configure_logging


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Logs at INFO, and as the settings have them afterwards."""
    configure_logging(level="INFO")
    yield
    configure_logging(level=settings.LOG_LEVEL)


def test_an_event_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.contextvars.bound_contextvars(request_id="01J"):
        structlog.get_logger("tests").info("request", status=200)
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert said.pop("timestamp").endswith("Z")
    assert said == {"event": "request", "status": 200, "request_id": "01J", "logger": "tests", "level": "info"}


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
