"""`manage.py attach_campaign`, and what it answers."""

import json
from typing import Any
from uuid import UUID

from phone_numbers.models import PhoneNumber
from tests.support.commands import Ended, run_command


def run_attach(*arguments: object) -> Ended:
    """Run the command."""
    return run_command("attach_campaign", *arguments)


def counts_of(ended: Ended) -> dict[str, Any]:
    """The counts of an answer in JSON."""
    answer: dict[str, Any] = json.loads(ended.out)
    assert answer.pop("seconds") >= 0
    assert (answer.pop("batch_id") is None) is (answer["dry_run"] or not answer["attached"])
    assert answer.pop("warnings") == []
    return answer


def attach_answer(**counts: Any) -> dict[str, Any]:
    """The counts, where all others are 0."""
    return dict.fromkeys(("attached", "unchanged", "failed", "busy", "rolled_back"), 0) | {"dry_run": False} | counts


def campaign_of(number: PhoneNumber) -> UUID | None:
    """The campaign that the number is on now."""
    return PhoneNumber.objects.values_list("campaign_id", flat=True).get(id=number.id)
