"""What /v1 shows of brands."""

from typing import Any

from rest_framework import serializers

from agentmessage.api.pagination import PageQuery
from agentmessage.api.requests import ChoiceField
from brands.models import IdentityStatus


class BrandSerializer(serializers.Serializer[Any]):
    """A business that you have registered with The Campaign Registry."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    tcr_brand_id = serializers.CharField(allow_null=True, help_text="The TCR ID: B and 6 to 11 capitals or digits.")
    identity_status = serializers.ChoiceField(
        choices=IdentityStatus.choices,
        allow_null=True,
        help_text="The status at TCR; null until it is known. Numbers can be attached only if the brand is VERIFIED or "
        "VETTED_VERIFIED.",
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class BrandQuery(PageQuery):
    """The filters of the list."""

    identity_status = ChoiceField(
        choices=IdentityStatus.choices, required=False, help_text="Only brands with this identity status."
    )
