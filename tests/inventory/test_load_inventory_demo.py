"""The demo data: every answer of the attach can be tried with it."""

from pathlib import Path

import orjson
import pytest

from accounts.models import Organization
from brands.models import Brand, IdentityStatus
from campaigns.models import Campaign, CampaignStatus
from phone_numbers.models import NumberState, NumberType, PhoneNumber
from tests.support.api import ApiClient, assert_refused
from tests.support.factories import make_key
from tests.support.inventories import all_rows, load

DEMO = Path("devserver/inventory.json")
FRONT_DESK = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
REMINDERS = "b5d3c4e2-7f7e-44a1-8c12-2bcd9e3f0a01"
RECALLS = "78614b6c-fe7c-41e2-8e25-c9b3a3c91904"
GLOBEX_CAMPAIGN = "b0000000-0000-4000-8000-0000000000c1"
GLOBEX_NUMBER = "b0000000-0000-4000-8000-000000000001"


def acme(end: str) -> str:
    """An id of Acme's demo data."""
    return f"a0000000-0000-4000-8000-{end:0>12}"


@pytest.fixture
def api(db: None) -> ApiClient:
    """A client of Acme Dental, with the demo data loaded."""
    load(orjson.loads(DEMO.read_bytes()))
    return ApiClient(make_key(Organization.objects.get(slug="acme"))[1])


def test_a_campaign_is_attached_and_moved(api: ApiClient) -> None:
    for campaign in (REMINDERS, RECALLS):
        answer = api.attach(FRONT_DESK, campaign)
        assert answer.status_code == 200
        assert answer.json()["data"]["campaign_id"] == campaign


@pytest.mark.parametrize(
    ("number", "campaign", "status", "code", "message"),
    [
        (FRONT_DESK, GLOBEX_CAMPAIGN, 404, "NOT_FOUND", "not found"),
        *(
            (FRONT_DESK, acme(campaign), 409, "CAMPAIGN_NOT_ACTIVE", "campaign is not active")
            for campaign in ("c4", "c5", "c6")
        ),
        *(
            (FRONT_DESK, acme(campaign), 409, "BRAND_NOT_VERIFIED", "brand is not verified")
            for campaign in ("c7", "c8", "c9")
        ),
        (GLOBEX_NUMBER, REMINDERS, 404, "NOT_FOUND", "not found"),
        (acme("16"), REMINDERS, 404, "NOT_FOUND", "not found"),
        *(
            (acme(number), REMINDERS, 409, "NUMBER_NOT_ASSIGNED", "number is not assigned")
            for number in ("12", "14", "15", "23")
        ),
    ],
)
def test_every_refusal_can_be_tried(
    api: ApiClient, number: str, campaign: str, status: int, code: str, message: str
) -> None:
    before = all_rows()
    assert_refused(api.attach(number, campaign), status, code, message)
    assert all_rows() == before


def test_there_is_one_of_everything(api: ApiClient) -> None:
    kinds = set(PhoneNumber.objects.values_list("number_type", "state"))
    assert kinds == {(kind, state) for kind in NumberType.values for state in NumberState.values}
    for organization in Organization.objects.all():
        brands = Brand.objects.filter(organization=organization).values_list("identity_status", flat=True)
        assert set(brands) == {*IdentityStatus.values, None}
        campaigns = Campaign.objects.filter(organization=organization).values_list("status", flat=True)
        assert set(campaigns) == set(CampaignStatus.values)
    assert PhoneNumber.objects.count() >= 25


def test_only_what_carriers_take_is_attached(api: ApiClient) -> None:
    attached = PhoneNumber.objects.filter(campaign__isnull=False)
    assert set(attached.values_list("number_type", flat=True)) == {NumberType.LOCAL}


def test_loading_it_again_does_not_undo_what_was_attached(api: ApiClient) -> None:
    api.attach(FRONT_DESK, RECALLS)
    before = all_rows()
    load(orjson.loads(DEMO.read_bytes()))
    assert all_rows() == before
