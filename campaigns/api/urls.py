"""The routes of campaigns below /v1/."""

from django.urls import path

from campaigns.api.views import CampaignsView, CampaignView

urlpatterns = [
    path("campaigns", CampaignsView.as_view(), name="campaigns"),
    path("campaigns/<str:campaign_id>", CampaignView.as_view(), name="campaign"),
]
