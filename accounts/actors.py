"""The cause of a change, as history records it."""

from dataclasses import dataclass
from uuid import UUID

from django.db import models

from accounts.models import ApiKey, Operator
from agentmessage.ids import uuid7


class ActorKind(models.TextChoices):
    """The interfaces; the worker, which corrects drift; an import; and the carrier, which takes numbers."""

    API_KEY = "api_key", "API key"
    OPERATOR = "operator", "operator"
    COMMAND = "command", "command"
    WORKER = "worker", "system"
    IMPORT = "import", "import"
    CARRIER = "carrier", "carrier"


@dataclass(frozen=True, slots=True)
class Actor:
    """The cause of a change. `id` is the ID of the key or operator, or the name of the command, task or account.

    `reason` is why, in the actor's words; `batch_id` is shared by all changes of one bulk operation or command.
    """

    kind: ActorKind
    id: str
    request_id: str | None = None
    reason: str | None = None
    batch_id: UUID | None = None

    @classmethod
    def for_api_key(cls, key: ApiKey, *, request_id: str) -> "Actor":
        """Return the actor of an API request."""
        return cls(ActorKind.API_KEY, str(key.id), request_id)

    @classmethod
    def for_operator(
        cls, operator: Operator, *, request_id: str | None, reason: str | None = None, batch_id: UUID | None = None
    ) -> "Actor":
        """Return the actor of an operator's action in the admin."""
        return cls(ActorKind.OPERATOR, str(operator.id), request_id, reason, batch_id)

    @classmethod
    def for_command(cls, name: str, *, reason: str | None = None, batch_id: UUID | None = None) -> "Actor":
        """Return the actor of a management command."""
        return cls(ActorKind.COMMAND, name, None, reason, batch_id)

    @classmethod
    def for_worker(cls, name: str) -> "Actor":
        """Return the actor of a worker's task."""
        return cls(ActorKind.WORKER, name)

    @classmethod
    def for_import(cls, account: str) -> "Actor":
        """Return the actor of an import from a carrier account."""
        return cls(ActorKind.IMPORT, account, batch_id=uuid7())

    @classmethod
    def for_carrier(cls, name: str) -> "Actor":
        """Return the actor of a number's loss at the carrier. `name` is the account's."""
        return cls(ActorKind.CARRIER, name, reason="The carrier no longer has the number in service.")
