"""The routes of phone numbers below /v1/."""

from django.urls import path

from phone_numbers.api import views

urlpatterns = [
    path(
        "campaigns/<str:campaign_id>/phone-numbers",
        views.CampaignPhoneNumbersView.as_view(),
        name="campaign-phone-numbers",
    ),
    path("phone-numbers", views.PhoneNumbersView.as_view(), name="phone-numbers"),
    path("phone-numbers/<str:phone_number_id>", views.PhoneNumberView.as_view(), name="phone-number"),
    path(
        "phone-numbers/<str:phone_number_id>/readiness",
        views.PhoneNumberReadinessView.as_view(),
        name="phone-number-readiness",
    ),
    path(
        "phone-numbers/<str:phone_number_id>/campaign",
        views.PhoneNumberCampaignView.as_view(),
        name="phone-number-campaign",
    ),
    path(
        "phone-numbers/<str:phone_number_id>/campaign/retry",
        views.RetryPropagationView.as_view(),
        name="phone-number-campaign-retry",
    ),
    path(
        "phone-numbers/<str:phone_number_id>/campaign/history",
        views.CampaignHistoryView.as_view(),
        name="phone-number-campaign-history",
    ),
]
