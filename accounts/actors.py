"""Who did it: the words that history keeps about the cause of a change."""

from dataclasses import dataclass

from django.db import models

from accounts.models import ApiKey, Operator


class ActorKind(models.TextChoices):
    """The three ways in, and the worker that mends what it finds."""

    API_KEY = "api_key"
    OPERATOR = "operator"
    COMMAND = "command"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Actor:
    """The cause of a change. `id` is the key's or operator's id, or the name of the command or task."""

    kind: ActorKind
    id: str
    request_id: str | None = None

    @classmethod
    def for_api_key(cls, key: ApiKey, *, request_id: str) -> "Actor":
        """A consumer's request."""
        return cls(ActorKind.API_KEY, str(key.id), request_id)

    @classmethod
    def for_operator(cls, operator: Operator, *, request_id: str) -> "Actor":
        """An operator's click in the admin."""
        return cls(ActorKind.OPERATOR, str(operator.id), request_id)

    @classmethod
    def for_command(cls, name: str) -> "Actor":
        """A management command."""
        return cls(ActorKind.COMMAND, name)

    @classmethod
    def for_worker(cls, name: str) -> "Actor":
        """A task of a worker."""
        return cls(ActorKind.WORKER, name)
