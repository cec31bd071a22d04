"""Our PostgreSQL backend, except for the address: it starts or joins the embedded server to learn it."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import pq

from agentmessage.database.embedded.client import DatabaseClient
from agentmessage.database.postgresql import base
from agentmessage.database.supervisor.server import server_for

# SCRAM proves the server to us as well: a stranger on our old port learns nothing and is refused. Libraries before
# version 16 do not know the option; they would still not send the password in clear to a server that asks for SCRAM.
_MUTUAL_AUTHENTICATION = {"require_auth": "scram-sha-256"} if pq.version() >= 16_00_00 else {}


class DatabaseWrapper(base.DatabaseWrapper):
    """Connects to the server described by `settings_dict["EMBEDDED"]`: `data_dir` and `durable`.

    Raises ImproperlyConfigured if the server cannot exist here, and OperationalError if it does not start.
    """

    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        """The stock parameters, with the address of the running server."""
        if "EMBEDDED" not in self.settings_dict:
            raise ImproperlyConfigured("This backend is configured by agentmessage.database.database_settings().")
        return _with_address(super().get_connection_params(), self.settings_dict["EMBEDDED"])


def _with_address(params: dict[str, Any], embedded: dict[str, Any]) -> dict[str, Any]:
    address = server_for(embedded["data_dir"], durable=embedded["durable"]).address()
    return {
        **params,
        "host": address.host,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "sslmode": "disable",  # The binaries know no TLS, and this is the loopback interface.
        **_MUTUAL_AUTHENTICATION,
    }
