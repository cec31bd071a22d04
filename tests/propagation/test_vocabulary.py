"""What carriers can say is a part of what numbers and campaigns can store, and is converted by value."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from campaigns.models import CarrierStatus
from carriers.base import CampaignDecision, Failure, FailureKind
from phone_numbers.failures import FAILURES, FailureCode
from propagation.services.calling import carrier_of, max_open_orders
from propagation.services.record import AttachmentFailure


def test_every_decision_of_a_carrier_is_a_carrier_status() -> None:
    assert {decision.value for decision in CampaignDecision} == set(CarrierStatus.values)


@pytest.mark.parametrize("kind", FailureKind)
def test_every_kind_of_failure_is_a_failure_code_with_a_remedy(kind: FailureKind) -> None:
    failure = AttachmentFailure.from_carrier(Failure(kind, "words", "5076"))
    assert failure == AttachmentFailure(FailureCode[kind.name], "words", "5076")
    assert failure.code in FAILURES


def test_a_wrong_carrier_url_is_a_wrong_setting(settings: Settings) -> None:
    settings.CARRIERS = {"main": "twilio://u:hushhush@x"}
    for read in (carrier_of.__wrapped__, max_open_orders):
        with pytest.raises(ImproperlyConfigured, match=r"^The carrier account main: the address must begin with"):
            read("main")
