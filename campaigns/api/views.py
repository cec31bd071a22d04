"""/v1/campaigns and /v1/campaigns/{id}."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from accounts.api.base import TenantView
from accounts.models import Scope
from agentmessage.api.envelope import success_with_etag
from agentmessage.api.requests import path_uuid
from agentmessage.api.views import Operation
from campaigns.api.serializers import CampaignQuery, CampaignSerializer
from campaigns.selectors import visible_campaigns


class CampaignsView(TenantView):
    """The organization's campaigns."""

    scopes = {"GET": Scope.CAMPAIGNS_READ}
    tag = "Campaigns"

    @Operation("listCampaigns", query=CampaignQuery(), answer=CampaignSerializer, returns="A page of campaigns.")
    def get(self, request: Request) -> HttpResponse:
        """List campaigns.

        The campaigns of your organization, newest first.
        """
        rows = visible_campaigns(organization_id=self.organization_id).filter(**self.filters)
        return self.paginated(rows, CampaignSerializer)


class CampaignView(TenantView):
    """One campaign."""

    scopes = {"GET": Scope.CAMPAIGNS_READ}
    tag = "Campaigns"
    path_id = "The ID of a campaign of your organization."

    @Operation("getCampaign", answer=CampaignSerializer, returns="The campaign.")
    def get(self, request: Request, campaign_id: str) -> HttpResponse:
        """Get a campaign.

        One campaign of your organization.
        """
        rows = visible_campaigns(organization_id=self.organization_id)
        campaign = get_object_or_404(rows, id=path_uuid(campaign_id))
        return success_with_etag(request, CampaignSerializer(campaign).data)
