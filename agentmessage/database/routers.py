"""Which database does what. Reads choose the replica themselves (`agentmessage.database.replica`)."""

from agentmessage.database.replica import REPLICA


class PrimaryRouter:
    """Everything that writes or locks goes to the primary, also for an object that was read from the replica."""

    def db_for_write(self, model: type, **hints: object) -> str:
        """The primary."""
        return "default"

    def allow_relation(self, first: object, second: object, **hints: object) -> bool:
        """Both databases hold the same rows."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        """The replica's tables come to it by themselves."""
        return db != REPLICA
