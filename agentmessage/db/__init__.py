"""Which PostgreSQL the service uses: the one given by DATABASE_URL, or the embedded one."""

from agentmessage.database.configuration import database_settings

__all__ = ["database_settings"]
