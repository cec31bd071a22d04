"""/v1/campaigns and /v1/campaigns/{id}: what is shown of a campaign, and to whom."""

from datetime import date
from typing import Any

import pytest

from accounts.models import Scope
from campaigns.models import Campaign, CampaignStatus, CarrierStatus
from tests.support.api import ApiClient
from tests.support.factories import make_key
from tests.support.worlds import World


@pytest.fixture
def reader(world: World) -> ApiClient:
    """A client that may read campaigns."""
    _key, plain = make_key(world.organization, Scope.CAMPAIGNS_READ)
    return ApiClient(plain)


def _shown(campaign: Campaign) -> dict[str, Any]:
    return {
        "id": str(campaign.id),
        "brand_id": str(campaign.brand_id),
        "name": campaign.name,
        "usecase": campaign.usecase,
        "description": campaign.description,
        "tcr_campaign_id": campaign.tcr_campaign_id,
        "status": campaign.status,
        "carrier_status": campaign.carrier_status,
        "expiration_date": campaign.expiration_date and campaign.expiration_date.isoformat(),
        "mno_metadata": campaign.mno_metadata,
        "number_pool": campaign.number_pool,
        "numbers": {"attached": 0, "limit": 49},
        "created_at": campaign.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": campaign.updated_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"tcr_campaign_id": "CABC123", "expiration_date": date(2027, 2, 28), "description": "Receipts"},
        {"status": CampaignStatus.EXPIRED, "carrier_status": CarrierStatus.SUSPENDED},
        {"status": CampaignStatus.PENDING, "carrier_status": CarrierStatus.PENDING},
    ],
)
def test_a_campaign_is_shown_whatever_its_status(fields: dict[str, Any], world: World, reader: ApiClient) -> None:
    Campaign.objects.filter(id=world.campaign.id).update(**fields)
    world.campaign.refresh_from_db()
    response = reader.get(f"/v1/campaigns/{world.campaign.id}")
    assert response.json() == {"success": True, "data": _shown(world.campaign)}
    again = reader.get(f"/v1/campaigns/{world.campaign.id}", headers={"If-None-Match": response["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_list_shows_the_organizations_own_newest_first(world: World, reader: ApiClient) -> None:
    first = reader.get("/v1/campaigns?limit=1").json()
    assert (first["data"], first["meta"]["total"]) == ([_shown(world.other_campaign)], 2)
    rest = reader.get(f"/v1/campaigns?limit=1&cursor={first['meta']['next_cursor']}").json()
    assert rest == {
        "success": True,
        "data": [_shown(world.campaign)],
        "meta": {"total": 2, "limit": 1, "offset": 0, "next_cursor": None},
    }


def test_filters(world: World, reader: ApiClient) -> None:
    Campaign.objects.filter(id=world.other_campaign.id).update(status=CampaignStatus.PENDING)
    for query, expected in (
        ("status=PENDING", [world.other_campaign]),
        (f"brand_id={world.brand.id}&status=ACTIVE", [world.campaign]),
        (f"brand_id={world.stranger.brand.id}", []),
    ):
        found = reader.get(f"/v1/campaigns?{query}").json()["data"]
        assert [row["id"] for row in found] == [str(campaign.id) for campaign in expected]
    for query in ("status=active", "brand_id=x", "status="):
        assert reader.get(f"/v1/campaigns?{query}").status_code == 400
