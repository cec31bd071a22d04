"""/v1/phone-numbers/{id}/campaign"""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api.base import TenantView
from accounts.scopes import Scope
from agentmessage.api.bodies import read_object
from agentmessage.api.envelope import success
from agentmessage.api.etags import success_with_etag
from agentmessage.api.fields import path_uuid, required_uuid
from agentmessage.api.operations import documented
from agentmessage.api.pagination import PAGE_PARAMETERS, QuerySetRows, list_page
from agentmessage.api.query import Query
from agentmessage.ids import parse_uuid
from phone_numbers.api import schema
from phone_numbers.api.render import render_entry, render_phone_number, render_standing
from phone_numbers.queries import attachment_history, get_attached_phone_number
from phone_numbers.services.attach import attach_campaign, detach_campaign
from phone_numbers.services.retry import retry_propagation


class PhoneNumberCampaignView(TenantView):
    """The campaign of one number."""

    scopes = {"GET": Scope.NUMBERS_READ, "POST": Scope.NUMBERS_WRITE, "DELETE": Scope.NUMBERS_WRITE}

    @documented(schema.GET_ATTACHMENT)
    def get(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Where the attachment stands."""
        identifier = path_uuid(phone_number_id)
        Query(request)
        phone_number = get_attached_phone_number(organization_id=self.organization_id, phone_number_id=identifier)
        return success_with_etag(request, render_standing(phone_number))

    @documented(schema.ATTACH_CAMPAIGN)
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

    @documented(schema.DETACH_CAMPAIGN)
    def delete(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Detach the campaign."""
        phone_number, _ = detach_campaign(
            organization_id=self.organization_id, phone_number_id=path_uuid(phone_number_id), actor=self.actor
        )
        return success(render_phone_number(phone_number))


class RetryPropagationView(TenantView):
    """/v1/phone-numbers/{id}/campaign/retry: a failed propagation, once more."""

    scopes = {"POST": Scope.NUMBERS_WRITE}

    @documented(schema.RETRY_PROPAGATION)
    def post(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Send it again. There is nothing to say in a body, so none is looked at."""
        phone_number = retry_propagation(
            organization_id=self.organization_id, phone_number_id=parse_uuid(phone_number_id)
        )
        return success(render_standing(phone_number))


class CampaignHistoryView(TenantView):
    """/v1/phone-numbers/{id}/campaign/history: which campaigns a number has been on."""

    scopes = {"GET": Scope.NUMBERS_READ}

    @documented(schema.LIST_HISTORY)
    def get(self, request: Request, phone_number_id: str) -> HttpResponse:
        """A page of it, newest first."""
        identifier = path_uuid(phone_number_id)
        query = Query(request, known=PAGE_PARAMETERS)
        phone_number = get_attached_phone_number(organization_id=self.organization_id, phone_number_id=identifier)
        return list_page(
            QuerySetRows(attachment_history(organization_id=self.organization_id, phone_number_id=identifier)),
            query,
            lambda attachment: render_entry(attachment, current_id=phone_number.current_attachment_id),
        )
