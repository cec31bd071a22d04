"""Logs: one line per event on standard error, as JSON or, on a terminal, for people."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _without_rich() -> Iterator[None]:
    """For tracebacks that we do not have it write, structlog imports rich, and that pygments: a tenth of a start."""
    if "rich" in sys.modules:
        yield
        return
    sys.modules["rich"] = None  # type: ignore[assignment]  # Python's own mark of a module that cannot be imported.
    try:
        yield
    finally:
        del sys.modules["rich"]


with _without_rich():
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
    # Our own line for each request says more, with the request's id.
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
