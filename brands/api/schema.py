"""What the OpenAPI document says about brands. The serializer is never called."""

from typing import Any

from rest_framework import serializers

from agentmessage.api.operations import PAGE, Operation
from brands.models import IdentityStatus


class BrandSerializer(serializers.Serializer[Any]):
    """A business that you have registered with The Campaign Registry."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    tcr_brand_id = serializers.CharField(allow_null=True, help_text="TCR's id: B and 6 to 11 capitals or digits.")
    identity_status = serializers.ChoiceField(
        choices=IdentityStatus.choices,
        allow_null=True,
        help_text="TCR's word; null while it is being looked up. Campaigns take numbers only if their brand is "
        "VERIFIED or VETTED_VERIFIED.",
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


LIST_BRANDS = Operation(
    id="listBrands",
    tag="Brands",
    summary="List brands",
    description="The brands of your organization, newest first.",
    query=PAGE,
    answer=BrandSerializer,
    is_list=True,
    success_description="A page of brands.",
)
GET_BRAND = Operation(
    id="getBrand",
    tag="Brands",
    summary="Get a brand",
    description="One brand of your organization.",
    path_id="The id of a brand of your organization.",
    answer=BrandSerializer,
    success_description="The brand.",
    has_etag=True,
)
