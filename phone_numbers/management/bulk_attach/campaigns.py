"""Campaigns as operators name them: by our id, or by the one that TCR gave."""

import re
from uuid import UUID

from agentmessage.ids import parse_uuid
from campaigns.models import TCR_CAMPAIGN_ID, Campaign

_TCR = re.compile(TCR_CAMPAIGN_ID)


class CampaignNames:
    """Looks each name up once. An id is not looked up: whether the organization has it is the service's rule 2."""

    def __init__(self, organization_id: UUID) -> None:
        self._by_tcr_id: dict[str | None, UUID] = dict(
            Campaign.objects.filter(organization_id=organization_id, tcr_campaign_id__isnull=False).values_list(
                "tcr_campaign_id", "id"
            )
        )
        self._known: dict[str, UUID | str] = {}

    def find(self, name: str) -> UUID | str:
        """The campaign's id; for a name that is none, the sentence that says so; for a TCR id of nobody here, ""."""
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> UUID | str:
        if _TCR.fullmatch(name):
            return self._by_tcr_id.get(name, "")
        return parse_uuid(name) or "must be a campaign's UUID, or its TCR id of C and 6 to 11 capitals and digits"
