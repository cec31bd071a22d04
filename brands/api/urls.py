"""The routes of brands below /v1/."""

from django.urls import path

from brands.api.views import BrandsView, BrandView

urlpatterns = [
    path("brands", BrandsView.as_view(), name="brands"),
    path("brands/<str:brand_id>", BrandView.as_view(), name="brand"),
]
