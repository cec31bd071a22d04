"""All routes."""

from django.urls import URLResolver, include, path
from django.urls.resolvers import RoutePattern

from agentmessage.api.document import OpenApiView, TypesView
from agentmessage.reference import reference_page
from agentmessage.views import healthz, metrics_view, readyz

urlpatterns = [
    path("v1/", include("phone_numbers.api.urls")),
    path("v1/", include("campaigns.api.urls")),
    path("v1/", include("brands.api.urls")),
    path("v1/", include("accounts.api.urls")),
    path("v1/openapi.json", OpenApiView.as_view(), name="openapi"),
    path("v1/types.d.ts", TypesView.as_view(), name="types"),
    path("carrier/", include("propagation.webhooks.urls")),
    path("", reference_page, name="reference"),
    path("docs", reference_page),
    # `include` would import it now.
    URLResolver(RoutePattern("admin/"), "agentmessage.admin_urls", app_name="admin", namespace="admin"),
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics_view, name="metrics"),
]
handler500 = "agentmessage.views.handle_exception"
