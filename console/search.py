"""The command palette: one box finds a number, label, ID, TCR ID, request ID or the carrier's ID of an order."""

from collections.abc import Iterator

from django.contrib.admin import site
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.dataclasses import SearchResult

from accounts.models import ApiKey, Organization
from agentmessage.ids import parse_uuid
from brands.models import Brand
from campaigns.models import Campaign
from console.stats import may_view
from phone_numbers.models import CampaignAttachment, PhoneNumber
from propagation.models import CarrierOrder

LIMIT = 20
_ICONS: dict[type[Model], str] = {
    PhoneNumber: "sim_card",
    Campaign: "campaign",
    Brand: "storefront",
    Organization: "domain",
    CarrierOrder: "outbox",
    CampaignAttachment: "history",
    ApiKey: "key",
}


def search(request: HttpRequest, lowered: str) -> list[SearchResult]:
    """Return at most 20 rows that the operator may see, each as its own list finds it."""
    # Unfold makes the term lower case; IDs of carriers are not.
    term = request.GET.get("s", lowered).replace("\x00", " ").strip()
    results: list[SearchResult] = []
    if term:
        for model, icon in _ICONS.items():
            if len(results) < LIMIT and may_view(request, site, model):
                rows = _found(request, model, term).order_by()[: LIMIT - len(results)]
                results += (_result(row, icon) for row in rows)
    return results


def _found(request: HttpRequest, model: type[Model], term: str) -> QuerySet[Model]:
    model_admin = site.get_model_admin(model)
    rows = model_admin.get_queryset(request)
    row_id = parse_uuid(term)
    if model is CarrierOrder:
        # The carrier's ID may be a UUID as well.
        return rows.filter(Q(carrier_order_id=term) | (Q() if row_id is None else Q(id=row_id)))
    if row_id is not None:
        # The lists find what belongs to the row as well; here it is the row alone.
        return rows.filter(id=row_id)
    if model is CampaignAttachment:
        return rows.filter(request_id=term.upper())
    found, _ = model_admin.get_search_results(request, rows, term)
    return found


def _result(row: Model, icon: str) -> SearchResult:
    address = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return SearchResult(
        title=str(row.phone_number if isinstance(row, CampaignAttachment) else row),
        description=" · ".join(_about(row)),
        link=reverse(address, args=[row.pk]),
        icon=icon,
    )


def _about(row: Model) -> Iterator[str]:
    yield str(row._meta.verbose_name)
    match row:
        case PhoneNumber(label=str(label)):
            yield label
        case Campaign(tcr_campaign_id=str(tcr_id)) | Brand(tcr_brand_id=str(tcr_id)):
            yield tcr_id
        case CarrierOrder(carrier_order_id=str(carrier_order_id)):
            yield carrier_order_id
        case CampaignAttachment():
            yield str(row)
