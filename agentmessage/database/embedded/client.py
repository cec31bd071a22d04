"""`manage.py dbshell` for the embedded server, with the psql that belongs to it."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import client

from agentmessage.database.supervisor.server import server_for


class DatabaseClient(client.DatabaseClient):
    """The stock client; this process keeps the server alive as long as psql runs."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        """Return the command line of psql and what to add to its environment."""
        embedded = settings_dict["EMBEDDED"]
        server = server_for(embedded["data_dir"], durable=embedded["durable"])
        address = server.address()
        command, environment = super().settings_to_cmd_args_env(
            {
                **settings_dict,
                "HOST": address.host,
                "PORT": address.port,
                "USER": address.user,
                "PASSWORD": address.password,
            },
            parameters,
        )
        return [str(server.program("psql")), *command[1:]], environment
