"""A process that owns a data folder and runs its server until its standard input ends. Tests start and kill it.

It writes one line of JSON: where its server is, or why there is none.
"""

import json
import os
import select
import sys
from pathlib import Path

from agentmessage.make_run import Running
from devserver import cluster
from devserver.data_folder import DevServerError, owned, publish
from devserver.postgresql import postgresql
from devserver.processes import pause, stop_on_signals


def main() -> None:
    """Run until standard input ends or a signal comes."""
    stop_on_signals()
    # For tests of root's private folders, which must not leave anything in the system's.
    cluster.SYSTEM_FOLDER = Path(os.environ.get("TEST_SYSTEM_FOLDER", cluster.SYSTEM_FOLDER))
    data_dir = Path(sys.argv[1])
    try:
        with owned(data_dir), postgresql(data_dir / "postgresql", durable=False) as server:
            publish(data_dir, Running(f"process {os.getpid()} serves", {"DATABASE_URL": server.url}))
            pgdata = (data_dir / "postgresql" / "pgdata").resolve()
            program = server.process.args[0]  # type: ignore[index]  # A list, as it was given.
            _say(url=server.url, pid=server.process.pid, pgdata=str(pgdata), program=program)
            while not select.select([sys.stdin], [], [], 0)[0]:
                pause(0.05)
    except DevServerError as error:
        _say(error=type(error).__name__, message=str(error))


def _say(**answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
