"""/v1/brands and /v1/brands/{id}."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from rest_framework.request import Request

from accounts.api.base import TenantView
from accounts.models import Scope
from agentmessage.api.envelope import success_with_etag
from agentmessage.api.requests import path_uuid
from agentmessage.api.views import Operation
from brands.api.serializers import BrandQuery, BrandSerializer
from brands.models import Brand


class BrandsView(TenantView):
    """The organization's brands."""

    scopes = {"GET": Scope.BRANDS_READ}
    tag = "Brands"

    @Operation("listBrands", query=BrandQuery(), answer=BrandSerializer, returns="A page of brands.")
    def get(self, request: Request) -> HttpResponse:
        """List brands.

        The brands of your organization, newest first.
        """
        rows = Brand.objects.filter(organization_id=self.organization_id, **self.filters)
        return self.paginated(rows, BrandSerializer)


class BrandView(TenantView):
    """One brand."""

    scopes = {"GET": Scope.BRANDS_READ}
    tag = "Brands"
    path_id = "The ID of a brand of your organization."

    @Operation("getBrand", answer=BrandSerializer, returns="The brand.")
    def get(self, request: Request, brand_id: str) -> HttpResponse:
        """Get a brand.

        One brand of your organization.
        """
        brand = get_object_or_404(Brand, organization_id=self.organization_id, id=path_uuid(brand_id))
        return success_with_etag(request, BrandSerializer(brand).data)
