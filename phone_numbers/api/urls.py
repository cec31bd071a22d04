"""The routes of phone numbers below /v1/."""

from django.urls import path

from phone_numbers.api.bulk import CampaignPhoneNumbersView
from phone_numbers.api.campaign import CampaignHistoryView, PhoneNumberCampaignView, RetryPropagationView
from phone_numbers.api.views import PhoneNumbersView, PhoneNumberView

urlpatterns = [
    path(
        "campaigns/<str:campaign_id>/phone-numbers", CampaignPhoneNumbersView.as_view(), name="campaign-phone-numbers"
    ),
    path("phone-numbers", PhoneNumbersView.as_view(), name="phone-numbers"),
    path("phone-numbers/<str:phone_number_id>", PhoneNumberView.as_view(), name="phone-number"),
    path(
        "phone-numbers/<str:phone_number_id>/campaign", PhoneNumberCampaignView.as_view(), name="phone-number-campaign"
    ),
    path(
        "phone-numbers/<str:phone_number_id>/campaign/retry",
        RetryPropagationView.as_view(),
        name="phone-number-campaign-retry",
    ),
    path(
        "phone-numbers/<str:phone_number_id>/campaign/history",
        CampaignHistoryView.as_view(),
        name="phone-number-campaign-history",
    ),
]
