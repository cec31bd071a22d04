"""/v1/phone-numbers and /v1/phone-numbers/{id}"""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api.base import TenantView
from accounts.scopes import Scope
from agentmessage.api.envelope import success
from agentmessage.api.etags import success_with_etag
from agentmessage.api.fields import path_uuid
from agentmessage.api.operations import documented
from agentmessage.api.pagination import PAGE_PARAMETERS, QuerySetRows, list_page
from agentmessage.api.query import Query
from agentmessage.api.requests import read_object
from phone_numbers.api import serializers
from phone_numbers.api.changes import read_changes
from phone_numbers.api.render import render_phone_number
from phone_numbers.models import LineOptionStatus, NumberType
from phone_numbers.selectors import SHOWN, AllVisible, read_phone_number, search_phone_numbers, visible_phone_numbers
from phone_numbers.services.update import update_phone_number

FILTERS = ("number_type", "campaign_id", "carrier_line_option_status", "search")


class PhoneNumbersView(TenantView):
    """The organization's numbers."""

    scopes = {"GET": Scope.NUMBERS_READ}

    @documented(serializers.LIST_PHONE_NUMBERS)
    def get(self, request: Request) -> HttpResponse:
        """A page of the ASSIGNED ones, newest first."""
        query = Query(request, known=(*PAGE_PARAMETERS, *FILTERS))
        filters = {
            "number_type": query.choice("number_type", NumberType),
            "campaign_id": query.uuid("campaign_id"),
            "carrier_line_option_status": query.choice("carrier_line_option_status", LineOptionStatus),
        }
        given = {name: value for name, value in filters.items() if value is not None}
        search = query.text("search")
        if not given and not search:
            return list_page(AllVisible(self.organization_id), query, dict)
        rows = visible_phone_numbers(organization_id=self.organization_id).filter(**given)
        if search:
            rows = search_phone_numbers(rows, search)
        return list_page(QuerySetRows(rows.values(*SHOWN)), query, dict)


class PhoneNumberView(TenantView):
    """One number."""

    scopes = {"GET": Scope.NUMBERS_READ, "PATCH": Scope.NUMBERS_WRITE}

    @documented(serializers.GET_PHONE_NUMBER)
    def get(self, request: Request, phone_number_id: str) -> HttpResponse:
        """The number."""
        identifier = path_uuid(phone_number_id)
        Query(request)
        shown = read_phone_number(organization_id=self.organization_id, phone_number_id=identifier)
        return success_with_etag(request, shown)

    @documented(serializers.UPDATE_PHONE_NUMBER)
    def patch(self, request: Request, phone_number_id: str) -> HttpResponse:
        """Change its routing, label and campaign: all of it or nothing."""
        identifier = path_uuid(phone_number_id)
        changes = read_changes(read_object(request))
        phone_number = update_phone_number(
            organization_id=self.organization_id,
            phone_number_id=identifier,
            changes=changes.fields,
            campaign_id=changes.campaign_id,
            actor=self.actor,
        )
        return success(render_phone_number(phone_number))
