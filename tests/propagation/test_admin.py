"""Orders to the carrier, as operators see them: to read."""

from django.test import Client
from django.urls import reverse

from propagation.models import CarrierOrder
from tests.support.factories import CampaignFactory


def _order(**fields: object) -> CarrierOrder:
    campaign = CampaignFactory.create()
    given = {
        "organization": campaign.organization, "campaign": campaign, "carrier": "simulated", "action": "attach",
        "created_at": "2026-11-23T10:00Z", "next_poll_at": "2026-11-23T10:00Z", **fields,
    }  # fmt: skip
    return CarrierOrder.objects.create(**given)


def test_they_are_listed_found_and_shown(admin_client: Client) -> None:
    waiting = _order()
    sent = _order(sent_at="2026-11-23T10:00Z", carrier_order_id="bw-4711")
    ended = _order(
        sent_at="2026-11-23T10:00Z", ended_at="2026-11-23T11:00Z", next_poll_at=None, succeeded=998, failed=2
    )
    page = reverse("admin:propagation_carrierorder_changelist")
    for query in ("", "?q=bw-4711", f"?q={sent.id}", "?carrier=simulated&action=attach"):
        content = admin_client.get(page + query).content.decode()
        assert "at the carrier" in content
        assert ("to be sent" in content) is ("q=" not in query)
    assert "998" in admin_client.get(page).content.decode()
    for order in (waiting, sent, ended):
        shown = admin_client.get(reverse("admin:propagation_carrierorder_change", args=[order.id]))
        assert shown.status_code == 200
        assert str(order.id) in shown.content.decode()


def test_they_cannot_be_changed(admin_client: Client) -> None:
    order = _order()
    before = CarrierOrder.objects.values().get()
    assert admin_client.get(reverse("admin:propagation_carrierorder_add")).status_code == 403
    change = reverse("admin:propagation_carrierorder_change", args=[order.id])
    assert admin_client.post(change, {"carrier": "other"}).status_code == 403
    assert admin_client.post(reverse("admin:propagation_carrierorder_delete", args=[order.id])).status_code == 403
    assert CarrierOrder.objects.values().get() == before


def test_jobs_are_no_page_of_their_own(admin_client: Client) -> None:
    assert "rocrastinate" not in admin_client.get(reverse("admin:index")).content.decode()
