"""`python -m devserver`: serve the demo (`make run`). `python -m devserver COMMAND …`: run a command on its database.

Both start an embedded PostgreSQL in DATA_DIR, and refuse to work on any other. DATABASE_DURABLE=off trades its crash
safety for speed.
"""

import os
import shlex
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import django
import environ

from agentmessage.make_run import BASE_DIR, Running, data_folder, set_defaults
from devserver.data_folder import owned, publish, secret_key
from devserver.errors import DevServerError
from devserver.postgresql.server import Server, postgresql
from devserver.processes import end_with_parent, run_command, stop_on_signals


def main() -> None:
    """Exit with the status of the demo or the command, or with one sentence if it cannot start."""
    stop_on_signals()
    if make := os.environ.pop("EXIT_WITH_PARENT", ""):
        end_with_parent(signal.SIGTERM, parent=int(make))
    try:
        sys.exit(_run(sys.argv[1:]))
    except DevServerError as error:
        sys.exit(str(error))


def _run(command: Sequence[str]) -> int:
    environ.Env.read_env(BASE_DIR / ".env")
    if os.environ.get("DATABASE_URL"):
        raise DevServerError(
            "DATABASE_URL names a database, but `make run` and `python -m devserver` only ever work on their own "
            "embedded PostgreSQL: unset it, in the environment or in .env."
        )
    folder = data_folder()
    durable = os.environ.get("DATABASE_DURABLE", "").lower() != "off"
    port = None if command else _port()
    with owned(folder):
        if port is not None:
            _refuse_a_taken_port(port)
        with postgresql(folder / "postgresql", durable=durable) as server:
            os.environ["DATABASE_URL"] = server.url
            set_defaults({"SECRET_KEY": secret_key(folder)})
            return _run_command(command, folder) if port is None else _serve_demo(port, folder, server)


def _run_command(command: Sequence[str], folder: Path) -> int:
    description = f"`{shlex.join(command)}` already runs (process {os.getpid()})"
    publish(folder, Running(description, {name: os.environ[name] for name in ("DATABASE_URL", "SECRET_KEY")}))
    try:
        return run_command(command)
    except OSError as error:
        raise DevServerError(f"{command[0]}: {error.strerror}.") from error


def _serve_demo(port: int, folder: Path, server: Server) -> int:
    # Not another module, which could name another database.
    os.environ["DJANGO_SETTINGS_MODULE"] = "agentmessage.settings"
    set_defaults({"HTTPS": "off", "LOG_LEVEL": "WARNING"})
    django.setup()
    from devserver import demo  # Its models need Django's setup.

    return demo.serve(port, folder, server)


def _port() -> int:
    text = os.environ.get("PORT") or "8000"
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise DevServerError(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def _refuse_a_taken_port(port: int) -> None:
    with socket.socket() as probe:
        # As the server will do: a connection of the last run that is still in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DevServerError(
                f"Cannot listen on 127.0.0.1:{port}: {error.strerror}. Choose another one: PORT=8001 make run"
            ) from error


if __name__ == "__main__":
    main()
