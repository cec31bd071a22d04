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
from typing import NoReturn

import django
from django.core.exceptions import ImproperlyConfigured

from agentmessage.environment import env
from agentmessage.make_run import BASE_DIR, Running, data_folder
from devserver.data_folder import DevServerError, owned, publish, secret_key
from devserver.postgresql import Server, postgresql
from devserver.processes import end_with_parent, run_command, stop_on_signals


def main() -> None:
    """Exit with the status of the demo or the command, or with one sentence if it cannot start."""
    stop_on_signals()
    if make := os.environ.pop("EXIT_WITH_PARENT", ""):
        end_with_parent(signal.SIGTERM, parent=int(make))
    try:
        sys.exit(_run(sys.argv[1:]))
    except (DevServerError, ImproperlyConfigured) as error:
        sys.exit(str(error))


def _run(command: Sequence[str]) -> int:
    env.load(BASE_DIR / ".env")
    if env.DATABASE_URL:
        raise DevServerError(
            "DATABASE_URL names a database, but `make run` and `python -m devserver` only ever work on their own "
            "embedded PostgreSQL: unset it, in the environment or in .env."
        )
    folder = data_folder()
    if not command:
        _refuse_a_real_carrier()
    with owned(folder):
        if not command:
            _refuse_a_taken_port(env.PORT)
        with postgresql(folder / "postgresql", durable=env.DATABASE_DURABLE) as server:
            os.environ["DATABASE_URL"] = server.url
            os.environ.setdefault("SECRET_KEY", secret_key(folder))
            return _run_command(command, folder) if command else _serve_demo(folder, server)


def _run_command(command: Sequence[str], folder: Path) -> int:
    description = f"`{shlex.join(command)}` already runs (process {os.getpid()})"
    publish(folder, Running(description, {name: os.environ[name] for name in ("DATABASE_URL", "SECRET_KEY")}))
    try:
        return run_command(command)
    except OSError as error:
        raise DevServerError(f"{command[0]}: {error.strerror}.") from error


def _serve_demo(folder: Path, server: Server) -> NoReturn:
    # Not another module, which could name another database.
    os.environ["DJANGO_SETTINGS_MODULE"] = "agentmessage.settings"
    os.environ.setdefault("HTTPS", "off")
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    env.is_command = True
    django.setup()
    from devserver import demo  # Its models need Django's setup.

    demo.serve(env.PORT, folder, server)


def _refuse_a_real_carrier() -> None:
    if env.CARRIERS is not None:
        raise DevServerError("`make run` starts its own carrier: unset CARRIERS, in the environment or in .env.")
    if not env.CARRIER_URL.startswith("simulated://"):
        raise DevServerError(
            "CARRIER_URL names a real carrier, which must not get the demo's invented numbers: unset it, in the "
            "environment or in .env."
        )


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
