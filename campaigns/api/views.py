"""/v1/campaigns and /v1/campaigns/{id}"""

from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api.base import TenantView
from accounts.scopes import Scope
from agentmessage.api.etags import success_with_etag
from agentmessage.api.fields import path_uuid
from agentmessage.api.operations import documented
from agentmessage.api.pagination import PAGE_PARAMETERS, QuerySetRows, list_page
from agentmessage.api.query import Query
from agentmessage.errors import NotFound
from campaigns.api import serializers
from campaigns.models import Campaign


def render_campaign(campaign: Campaign) -> dict[str, Any]:
    """What /v1 shows of a campaign."""
    return {
        "id": campaign.id,
        "brand_id": campaign.brand_id,
        "name": campaign.name,
        "usecase": campaign.usecase,
        "description": campaign.description,
        "tcr_campaign_id": campaign.tcr_campaign_id,
        "status": campaign.status,
        "carrier_status": campaign.carrier_status,
        "expiration_date": campaign.expiration_date,
        "created_at": campaign.created_at,
        "updated_at": campaign.updated_at,
    }


class CampaignsView(TenantView):
    """The organization's campaigns."""

    scopes = {"GET": Scope.CAMPAIGNS_READ}

    @documented(serializers.LIST_CAMPAIGNS)
    def get(self, request: Request) -> HttpResponse:
        """A page of them, newest first."""
        query = Query(request, known=PAGE_PARAMETERS)
        return list_page(
            QuerySetRows(Campaign.objects.filter(organization_id=self.organization_id)), query, render_campaign
        )


class CampaignView(TenantView):
    """One campaign."""

    scopes = {"GET": Scope.CAMPAIGNS_READ}

    @documented(serializers.GET_CAMPAIGN)
    def get(self, request: Request, campaign_id: str) -> HttpResponse:
        """The campaign."""
        identifier = path_uuid(campaign_id)
        Query(request)
        campaign = Campaign.objects.filter(organization_id=self.organization_id, id=identifier).first()
        if campaign is None:
            raise NotFound
        return success_with_etag(request, render_campaign(campaign))
