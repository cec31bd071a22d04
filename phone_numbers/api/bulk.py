"""/v1/campaigns/{id}/phone-numbers: bulk attach."""

from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api.base import TenantView
from accounts.scopes import Scope
from agentmessage.api.bodies import read_object
from agentmessage.api.envelope import success
from agentmessage.api.operations import documented
from agentmessage.errors import ValidationFailed
from agentmessage.ids import parse_uuid
from phone_numbers.api import schema
from phone_numbers.api.schema import BULK_LIMIT
from phone_numbers.services.bulk_attach import Outcome, RowResult, bulk_attach_to_campaign


class CampaignPhoneNumbersView(TenantView):
    """The numbers of one campaign."""

    scopes = {"POST": Scope.NUMBERS_WRITE}

    @documented(schema.BULK_ATTACH)
    def post(self, request: Request, campaign_id: str) -> HttpResponse:
        """Attach the campaign to many numbers. A path id that is no UUID is rule 2, as it is rule 5 of one attach."""
        body = read_object(request, blame="phone_number_ids")
        phone_number_ids = _read_ids(body)
        results = bulk_attach_to_campaign(
            organization_id=self.organization_id,
            campaign_id=parse_uuid(campaign_id),
            phone_number_ids=phone_number_ids,
            dry_run=body.get("dry_run", False),
            atomic=body.get("atomic", False),
            actor=self.actor,
        )
        counts = Counter(result.outcome for result in results)
        return success(
            {
                "attached": counts[Outcome.ATTACHED],
                "unchanged": counts[Outcome.UNCHANGED],
                "failed": counts[Outcome.FAILED],
                "results": [_render(*row) for row in zip(phone_number_ids, results, strict=True)],
            }
        )


def _read_ids(body: Mapping[str, Any]) -> list[UUID]:
    """The ids, of a body whose other fields are in order too. Raises ValidationFailed."""
    wrong = {name: "must be true or false" for name in ("dry_run", "atomic") if type(body.get(name, False)) is not bool}
    given = body.get("phone_number_ids")
    ids: list[UUID | None] = []
    if "phone_number_ids" not in body:
        wrong["phone_number_ids"] = "is required"
    elif not isinstance(given, list) or not 1 <= len(given) <= BULK_LIMIT:
        wrong["phone_number_ids"] = f"must be a list of 1 to {BULK_LIMIT} ids"
    else:
        ids = [parse_uuid(item) for item in given]
        for index, identifier in enumerate(ids):
            if identifier is None:
                wrong[f"phone_number_ids[{index}]"] = "must be a UUID, as 36 characters in the hyphenated form"
    if wrong:
        raise ValidationFailed(details=wrong)
    return [identifier for identifier in ids if identifier is not None]


def _render(phone_number_id: UUID, result: RowResult) -> dict[str, Any]:
    row: dict[str, Any] = {"phone_number_id": phone_number_id, "outcome": result.outcome}
    if result.error is not None:
        row["error"] = {"code": result.error.code, "message": result.error.sentence}
    return row
