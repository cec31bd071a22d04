"""What the OpenAPI document says about campaigns. The serializer is never called."""

from typing import Any

from rest_framework import serializers

from agentmessage.api.operations import PAGE, Operation
from campaigns.models import CampaignStatus, CarrierStatus, Usecase


class CampaignSerializer(serializers.Serializer[Any]):
    """What one of your brands is registered to send."""

    id = serializers.UUIDField()
    brand_id = serializers.UUIDField()
    name = serializers.CharField()
    usecase = serializers.ChoiceField(choices=Usecase.choices, help_text="TCR's use case.")
    description = serializers.CharField()
    tcr_campaign_id = serializers.CharField(allow_null=True, help_text="TCR's id: C and 6 to 11 capitals or digits.")
    status = serializers.ChoiceField(
        choices=CampaignStatus.choices, help_text="TCR's word. Only an ACTIVE campaign takes numbers."
    )
    carrier_status = serializers.ChoiceField(
        choices=CarrierStatus.choices, help_text="Whether the carrier takes its traffic; until then its numbers wait."
    )
    expiration_date = serializers.DateField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


LIST_CAMPAIGNS = Operation(
    id="listCampaigns",
    tag="Campaigns",
    summary="List campaigns",
    description="The campaigns of your organization, newest first.",
    query=PAGE,
    answer=CampaignSerializer,
    is_list=True,
    success_description="A page of campaigns.",
)
GET_CAMPAIGN = Operation(
    id="getCampaign",
    tag="Campaigns",
    summary="Get a campaign",
    description="One campaign of your organization.",
    path_id="The id of a campaign of your organization.",
    answer=CampaignSerializer,
    success_description="The campaign.",
    has_etag=True,
)
