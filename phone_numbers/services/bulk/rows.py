"""What is asked of a bulk attach, row by row, and what became of each row."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from agentmessage.errors import DomainError


class Outcome(StrEnum):
    """What became of a row."""

    ATTACHED = "attached"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    # Another transaction held the number for longer than the caller would wait. Trying again is all there is to do.
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Row:
    """One number, by its id or as it is dialled, and the campaign that it shall be on."""

    phone_number: UUID | str
    campaign_id: UUID


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of a row; `error` says why it failed."""

    outcome: Outcome
    error: DomainError | None = None


ATTACHED = RowResult(Outcome.ATTACHED)
UNCHANGED = RowResult(Outcome.UNCHANGED)
BUSY = RowResult(Outcome.BUSY)
