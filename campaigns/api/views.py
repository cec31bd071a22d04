"""/v1/campaigns and /v1/campaigns/{id}."""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.api.base import TenantView
from accounts.scopes import Scope
from agentmessage.api.envelope import success_with_etag
from agentmessage.api.pagination import PageQuery
from agentmessage.api.requests import path_uuid
from agentmessage.api.views import Operation
from agentmessage.errors import NotFound
from campaigns.api.serializers import CampaignSerializer
from campaigns.models import Campaign


class CampaignsView(TenantView):
    """The organization's campaigns."""

    scopes = {"GET": Scope.CAMPAIGNS_READ}
    tag = "Campaigns"

    @Operation("listCampaigns", query=PageQuery(), answer=CampaignSerializer, returns="A page of campaigns.")
    def get(self, request: Request) -> HttpResponse:
        """List campaigns.

        The campaigns of your organization, newest first.
        """
        return self.paginated(Campaign.objects.filter(organization_id=self.organization_id), CampaignSerializer)


class CampaignView(TenantView):
    """One campaign."""

    scopes = {"GET": Scope.CAMPAIGNS_READ}
    tag = "Campaigns"
    path_id = "The id of a campaign of your organization."

    @Operation("getCampaign", answer=CampaignSerializer, returns="The campaign.")
    def get(self, request: Request, campaign_id: str) -> HttpResponse:
        """Get a campaign.

        One campaign of your organization.
        """
        campaign = Campaign.objects.filter(organization_id=self.organization_id, id=path_uuid(campaign_id)).first()
        if campaign is None:
            raise NotFound
        return success_with_etag(request, CampaignSerializer(campaign).data)
