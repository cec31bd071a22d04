"""/v1/brands and /v1/brands/{id}: what is shown of a brand, and to whom."""

from typing import Any

import pytest

from accounts.models import Scope
from brands.models import Brand, IdentityStatus
from tests.support.api import ApiClient
from tests.support.factories import BrandFactory, make_key
from tests.support.worlds import World


@pytest.fixture
def reader(world: World) -> ApiClient:
    """A client that may read brands."""
    _key, plain = make_key(world.organization, Scope.BRANDS_READ)
    return ApiClient(plain)


def _shown(brand: Brand) -> dict[str, Any]:
    return {
        "id": str(brand.id),
        "name": brand.name,
        "tcr_brand_id": brand.tcr_brand_id,
        "identity_status": brand.identity_status,
        "created_at": brand.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": brand.updated_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize(
    ("status", "tcr_brand_id"),
    [(IdentityStatus.VETTED_VERIFIED, "BABC123"), (IdentityStatus.UNVERIFIED, None), (None, None)],
)
def test_a_brand(status: str | None, tcr_brand_id: str | None, world: World, reader: ApiClient) -> None:
    Brand.objects.filter(id=world.brand.id).update(identity_status=status, tcr_brand_id=tcr_brand_id)
    world.brand.refresh_from_db()
    response = reader.get(f"/v1/brands/{world.brand.id}")
    assert response.json() == {"success": True, "data": _shown(world.brand)}
    again = reader.get(f"/v1/brands/{world.brand.id}", headers={"If-None-Match": response["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_list_shows_the_organizations_own_newest_first(world: World, reader: ApiClient) -> None:
    newer: Brand = BrandFactory.create(organization=world.organization)
    first = reader.get("/v1/brands?limit=1").json()
    assert (first["data"], first["meta"]["total"]) == ([_shown(newer)], 2)
    rest = reader.get(f"/v1/brands?limit=1&cursor={first['meta']['next_cursor']}").json()
    assert rest == {
        "success": True,
        "data": [_shown(world.brand)],
        "meta": {"total": 2, "limit": 1, "offset": 0, "next_cursor": None},
    }


def test_a_filter(world: World, reader: ApiClient) -> None:
    assert [row["id"] for row in reader.get("/v1/brands?identity_status=VERIFIED").json()["data"]] == [
        str(world.brand.id)
    ]
    assert reader.get("/v1/brands?identity_status=UNVERIFIED").json()["data"] == []
    assert reader.get("/v1/brands?identity_status=verified").status_code == 400
