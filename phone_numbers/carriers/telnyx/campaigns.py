"""A campaign's two ids at Telnyx: TCR's, which we know it by, and Telnyx's own.

By team-telnyx/openapi (`PhoneNumberCampaign.campaignId`) a campaign goes by its TCR id if another provider shares it
with Telnyx, and by Telnyx's own id otherwise. That Telnyx takes the TCR id for its own campaigns too is not verified,
so both are tried.
"""

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

from phone_numbers.carriers.http import Answer
from phone_numbers.carriers.telnyx import bodies
from phone_numbers.carriers.telnyx.bodies import Assignment, KnownCampaign
from phone_numbers.carriers.telnyx.errors import is_unknown, raise_refusal

_TCR_ID = re.compile(r"C[0-9A-Z]{6,11}")


class Get(Protocol):
    """Asks Telnyx."""

    def __call__(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """The answer to a GET below /v2/10dlc/."""


class CampaignIds:
    """Remembers what Telnyx has told of its campaigns' ids. An id never changes hands, so nothing is forgotten."""

    def __init__(self, *, get: Get) -> None:
        self._get = get
        self._own_ids: dict[str, str] = {}
        self._tcr_ids: dict[str, str] = {}

    def note(self, campaign_id: str | None, tcr_campaign_id: str | None) -> None:
        """Remembers a pair that an answer has shown."""
        if campaign_id is not None and tcr_campaign_id is not None:
            self._own_ids[tcr_campaign_id] = campaign_id
            self._tcr_ids[campaign_id] = tcr_campaign_id

    def spelled(self, tcr_campaign_id: str) -> str:
        """The id to name the campaign by, as far as it is known."""
        return self._own_ids.get(tcr_campaign_id, tcr_campaign_id)

    def tcr_id_of(self, assignment: Assignment) -> str:
        """The TCR id of the number's campaign; Telnyx's own id if Telnyx does not say. May ask Telnyx."""
        if assignment.tcr_campaign_id is not None:
            return assignment.tcr_campaign_id
        campaign_id = assignment.campaign_id
        if campaign_id not in self._tcr_ids and not _TCR_ID.fullmatch(campaign_id):
            campaign = self._ask("campaign", campaign_id)
            if campaign is not None:
                self.note(campaign_id, campaign.tcr_campaign_id)
        return self._tcr_ids.get(campaign_id, campaign_id)

    def learn(self, tcr_campaign_id: str) -> str | None:
        """Telnyx's own id of the campaign, by the campaign itself or a number that is on it; None if neither tells."""
        campaign = self._ask("campaign", tcr_campaign_id)
        if campaign is not None and campaign.tcr_campaign_id == tcr_campaign_id:
            self.note(campaign.campaign_id, tcr_campaign_id)
        else:
            params = {"page": "1", "recordsPerPage": "1", "filter[tcr_campaign_id]": tcr_campaign_id}
            answer = self._get("phone_number_campaigns", params)
            if not is_unknown(answer):
                if answer.status >= 300:
                    raise_refusal(answer)
                for assignment in bodies.read_page(answer.body).assignments:
                    self.note(assignment.campaign_id, assignment.tcr_campaign_id)
        return self._own_ids.get(tcr_campaign_id)

    def read(self, tcr_campaign_id: str) -> KnownCampaign | None:
        """The campaign, be it Telnyx's own or a shared one; None if Telnyx knows neither."""
        return self._ask("campaign", self.spelled(tcr_campaign_id)) or self._ask("partner_campaigns", tcr_campaign_id)

    def _ask(self, kind: str, campaign_id: str) -> KnownCampaign | None:
        answer = self._get(f"{kind}/{quote(campaign_id, safe='')}")
        # 422: an id of another form than this endpoint's.
        if answer.status == 422:
            bodies.read_error(answer.body)
            return None
        if is_unknown(answer):
            return None
        if answer.status >= 300:
            raise_refusal(answer)
        return bodies.read_campaign(answer.body)
