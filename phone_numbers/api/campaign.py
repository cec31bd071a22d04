"""/v1/phone-numbers/{id}/campaign"""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api.base import TenantView
from accounts.scopes import Scope
from agentmessage.api.bodies import read_object
from agentmessage.api.envelope import success
from agentmessage.api.fields import required_uuid
from agentmessage.ids import parse_uuid
from phone_numbers.api.render import render_phone_number
from phone_numbers.services.attach import attach_campaign


class PhoneNumberCampaignView(TenantView):
    """The campaign of one number."""

    scopes = {"POST": Scope.NUMBERS_WRITE}

    def post(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Attach a campaign. A path id that is no UUID is rule 5, so it must not hide rules 1 to 4."""
        campaign_id = required_uuid(read_object(request, blame="campaign_id"), "campaign_id")
        phone_number = attach_campaign(
            organization_id=self.organization_id,
            phone_number_id=parse_uuid(phone_number_id),
            campaign_id=campaign_id,
            actor=self.actor,
        )
        return success(render_phone_number(phone_number))
