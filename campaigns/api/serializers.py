"""What /v1 shows of campaigns."""

from typing import Any

from rest_framework import serializers

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
        choices=CarrierStatus.choices,
        source="effective_carrier_status",
        help_text="Whether the carrier takes its traffic; until then its numbers wait. SUSPENDED by the carrier, or by "
        "the operator of this service.",
    )
    expiration_date = serializers.DateField(
        allow_null=True, help_text="The last day of an ACTIVE campaign; it becomes EXPIRED at 00:00 UTC after it."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
