"""What /v1 shows of campaigns."""

from typing import Any

from rest_framework import serializers

from agentmessage.api.pagination import PageQuery
from agentmessage.api.requests import ChoiceField, UUIDField
from campaigns.models import CampaignStatus, CarrierStatus, Usecase


class CampaignNumbersSerializer(serializers.Serializer[Any]):
    """How many numbers the campaign has, and its limit."""

    attached = serializers.IntegerField(min_value=0)
    limit = serializers.IntegerField(
        min_value=1,
        allow_null=True,
        source="number_limit",
        help_text="The most numbers that carriers allow; null: no limit.",
    )


class CampaignSerializer(serializers.Serializer[Any]):
    """A registered use of messaging by one of your brands."""

    id = serializers.UUIDField()
    brand_id = serializers.UUIDField()
    name = serializers.CharField()
    usecase = serializers.ChoiceField(choices=Usecase.choices, help_text="TCR's use case.")
    description = serializers.CharField()
    tcr_campaign_id = serializers.CharField(allow_null=True, help_text="The TCR ID: C and 6 to 11 capitals or digits.")
    status = serializers.ChoiceField(
        choices=CampaignStatus.choices,
        help_text="The status at TCR. Numbers can be attached only to an ACTIVE campaign.",
    )
    carrier_status = serializers.ChoiceField(
        choices=CarrierStatus.choices,
        source="effective_carrier_status",
        help_text="Whether the carrier has approved the campaign; until then its numbers wait. SUSPENDED: by the "
        "carrier, or by the operator of this service.",
    )
    mno_metadata = serializers.DictField(
        child=serializers.ChoiceField(choices=CarrierStatus.choices),
        help_text="The carrier's status for each network ID, if it reports one: `10017` is AT&T, `10035` T-Mobile. "
        "A campaign that one network has suspended stays APPROVED, because the others keep delivering.",
    )
    expiration_date = serializers.DateField(
        allow_null=True, help_text="The last day of an ACTIVE campaign; it becomes EXPIRED at 00:00 UTC after it."
    )
    number_pool = serializers.BooleanField(
        help_text="Whether carriers have approved a number pool, which has no limit."
    )
    numbers = CampaignNumbersSerializer(source="*")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class CampaignQuery(PageQuery):
    """The filters of the list."""

    status = ChoiceField(choices=CampaignStatus.choices, required=False, help_text="Only campaigns with this status.")
    brand_id = UUIDField(
        required=False, help_text="Only campaigns of this brand.", error_messages={"invalid": "must be a UUID"}
    )
