"""/v1/brands and /v1/brands/{id}"""

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
from brands.api import serializers
from brands.models import Brand


def render_brand(brand: Brand) -> dict[str, Any]:
    """What /v1 shows of a brand."""
    return {
        "id": brand.id,
        "name": brand.name,
        "tcr_brand_id": brand.tcr_brand_id,
        "identity_status": brand.identity_status,
        "created_at": brand.created_at,
        "updated_at": brand.updated_at,
    }


class BrandsView(TenantView):
    """The organization's brands."""

    scopes = {"GET": Scope.BRANDS_READ}

    @documented(serializers.LIST_BRANDS)
    def get(self, request: Request) -> HttpResponse:
        """A page of them, newest first."""
        query = Query(request, known=PAGE_PARAMETERS)
        return list_page(QuerySetRows(Brand.objects.filter(organization_id=self.organization_id)), query, render_brand)


class BrandView(TenantView):
    """One brand."""

    scopes = {"GET": Scope.BRANDS_READ}

    @documented(serializers.GET_BRAND)
    def get(self, request: Request, brand_id: str) -> HttpResponse:
        """The brand."""
        identifier = path_uuid(brand_id)
        Query(request)
        brand = Brand.objects.filter(organization_id=self.organization_id, id=identifier).first()
        if brand is None:
            raise NotFound
        return success_with_etag(request, render_brand(brand))
