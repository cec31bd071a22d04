"""A process that uses the embedded database; the tests start it, talk to it line by line, and kill it.

Each line on standard input is a JSON list: a command and its arguments. Each answer is one line of JSON.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--system-folder", type=Path)
    parser.add_argument("--wheel-from")
    options = parser.parse_args()
    sys.path.insert(0, str(REPOSITORY))
    if options.wheel_from:
        sys.path.insert(0, options.wheel_from)

    import django  # After the path is set.
    from agentmessage.database import database_settings
    from agentmessage.database.supervisor import cluster
    from django.conf import settings

    if options.system_folder:
        cluster.SYSTEM_FOLDER = options.system_folder
    database = database_settings(database_url=None, data_dir=options.data_dir, durable=False, keep=options.keep)
    settings.configure(DATABASES={"default": database}, USE_TZ=True)
    django.setup()
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"result": COMMANDS[name](*arguments)}
        except Exception as error:  # noqa: BLE001 - the test decides.
            answer = {"error": type(error).__name__, "message": str(error)}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the protocol.


def _sql(statement: str) -> list[Any]:
    """As a new request: over a new connection, unless they are kept."""
    from django.db import close_old_connections, connection

    close_old_connections()
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [list(row) for row in cursor.fetchall()] if cursor.description else []


def _server() -> dict[str, Any]:
    from agentmessage.database.supervisor.server import server_for
    from django.db import connection

    connection.close()
    connection.ensure_connection()
    membership = server_for(connection.settings_dict["EMBEDDED"]["data_dir"], durable=False)._membership
    assert membership is not None
    state: dict[str, Any] = json.loads(membership.state)
    return state | {
        "home": str(membership.cluster.home),
        "program": str(membership.cluster.installation.program("postgres")),
    }


def _fork() -> int:
    """Leave a child behind that does nothing."""
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    return child


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _test_database() -> str:
    from django.db import connection

    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database()")
        found = cursor.fetchone()
    connection.creation.destroy_test_db("agentmessage", verbosity=0)
    assert found == (name,)
    return name


def _shell(statement: str) -> str:
    import subprocess

    from django.db import connection

    command, environment = connection.client.settings_to_cmd_args_env(connection.settings_dict, ["-tAc", statement])
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


COMMANDS: dict[str, Callable[..., Any]] = {
    "sql": _sql,
    "server": _server,
    "fork": _fork,
    "ignore_interrupt": _ignore_interrupt,
    "test_database": _test_database,
    "shell": _shell,
}

if __name__ == "__main__":
    main()
