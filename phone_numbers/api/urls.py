"""The routes of phone numbers below /v1/."""

from django.urls import path

from phone_numbers.api.campaign import PhoneNumberCampaignView

urlpatterns = [
    path(
        "phone-numbers/<str:phone_number_id>/campaign",
        PhoneNumberCampaignView.as_view(),
        name="phone-number-campaign",
    ),
]
