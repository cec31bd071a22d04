"""A pgbouncer in transaction mode, before a server of `tests.support.postgresql`."""

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from devserver.processes import free_port
from tests.support.postgresql import USER, Server, answers, popen_arguments
from tests.support.waiting import DEADLINE, wait_until

# As docs/scale.md has it. `connect_query` replaces the timeouts that a client cannot send through pgbouncer.
INI = """\
[databases]
{name} = host=127.0.0.1 port={server_port} dbname={name} connect_query='SET lock_timeout = ''10s''; \
SET statement_timeout = ''30s''; SET idle_in_transaction_session_timeout = ''60s'''

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = 4
max_client_conn = 500
"""


def program() -> str | None:
    """The path of pgbouncer; None where it is not installed."""
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@dataclass
class PgBouncer:
    """`start` and `stop` it. Four connections to the server, however many clients."""

    server: Server
    folder: Path
    name: str = "agentmessage"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As DATABASE_URL takes it."""
        return f"postgres://{USER}:{self.server.password}@127.0.0.1:{self.port}/{self.name}"

    def start(self) -> None:
        """Starts it and waits until it answers. Raises RuntimeError with its log if it ends."""
        pgbouncer = program()
        assert pgbouncer is not None
        self.folder.mkdir(mode=0o700)
        users, ini = self.folder / "users.txt", self.folder / "pgbouncer.ini"
        users.write_text(f'"{USER}" "{self.server.password}"\n')
        ini.write_text(INI.format(name=self.name, server_port=self.server.port, port=self.port, users=users))
        for path in (self.folder, users, ini):
            self.server.account.give(path)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [pgbouncer, str(ini)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **popen_arguments(self.server.account),
            )  # fmt: skip
        wait_until(lambda: answers(self.process, self.url, self.folder / "log"), "pgbouncer answers")

    def stop(self) -> None:
        """Stops it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(DEADLINE)
            self.process = None
