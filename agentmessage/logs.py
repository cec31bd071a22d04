"""Logs: one line per event on standard error, as JSON or, on a terminal, for people."""

import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import orjson
import structlog
from django.views.debug import SafeExceptionReporterFilter


class _Lines:
    """Write each event of this service in one call. The logging module takes three times as long."""

    def __init__(self, name: str = "") -> None:
        self.name = name

    def write(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = write


def configure_logging(*, level: str) -> None:
    """Send structlog and the standard library's loggers to standard error in one form.

    `level` is a name of the standard library's levels. Every line has the context of the request, such as its ID.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(serializer=_to_json)
    )
    last: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, renderer]
    structlog.configure(
        processors=[*shared, *last],
        logger_factory=_Lines,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # Their lines about tasks and calls repeat this service's own lines, which have an ID.
    for chatty in ("procrastinate", "httpx2"):
        logging.getLogger(chatty).setLevel(max(root.level, logging.WARNING))
    # RequestMiddleware logs each request in more detail, with its ID.
    logging.getLogger("django.request").setLevel(logging.CRITICAL)


def _to_json(event: dict[str, Any], default: Callable[[Any], Any]) -> str:
    try:
        return orjson.dumps(event, default=default).decode()
    except TypeError:
        # orjson refuses lone surrogates and huge numbers. No line is lost because of its content.
        return json.dumps(event, default=default)


class ErrorPageFilter(SafeExceptionReporterFilter):
    """Hide more settings on Django's debug page: URLs that contain a password, and webhook credentials."""

    hidden_settings = re.compile(
        SafeExceptionReporterFilter.hidden_settings.pattern + r"|^DATABASE_URL$|^CARRIERS$|CREDENTIALS",
        re.IGNORECASE,
    )
