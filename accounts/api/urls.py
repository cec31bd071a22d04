"""The routes of API keys below /v1/."""

from django.urls import path

from accounts.api.views import ApiKeysView, ApiKeyView

urlpatterns = [
    path("api-keys", ApiKeysView.as_view(), name="api-keys"),
    path("api-keys/<str:api_key_id>", ApiKeyView.as_view(), name="api-key"),
]
