"""Logs: one line per event on standard error, as JSON or, on a terminal, for people."""

import logging
import sys

import structlog


def configure_logging(*, level: str) -> None:
    """Sends structlog and the standard library's loggers to standard error in one form.

    `level` is a name of the standard library's levels. Context that was bound to the request (its id) is in every line.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # What they tell of every task they know and every call they make, our own lines say with an id.
    for chatty in ("procrastinate", "httpx2"):
        logging.getLogger(chatty).setLevel(max(root.level, logging.WARNING))
    # Our own line for each request says more, with the request's id.
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
