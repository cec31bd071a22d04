"""All routes."""

from django.contrib import admin
from django.urls import include, path, re_path

from agentmessage.views import healthz, unknown_route

urlpatterns = [
    path("v1/", include("phone_numbers.api.urls")),
    path("v1/", include("campaigns.api.urls")),
    path("v1/", include("brands.api.urls")),
    path("v1/", include("accounts.api.urls")),
    re_path(r"^v1(?:/|$)", unknown_route),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
]
