"""The sidebar, by what operators do."""

from typing import Any

from django.contrib.admin import site
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from accounts.models import ApiKey, Operator, Organization
from brands.models import Brand
from campaigns.models import Campaign
from console.figures import BADGES, count_figures, list_url, may_view
from inventory.models import InventoryImport
from phone_numbers.models import CampaignAttachment, PhoneNumber
from propagation.models import CarrierOrder, CarrierReading

_GROUPS: tuple[tuple[str, tuple[tuple[type[Model], str, str], ...]], ...] = (
    (
        "Numbers",
        (
            (PhoneNumber, "Phone numbers", "sim_card"),
            (CampaignAttachment, "History", "history"),
            (InventoryImport, "Import", "upload_file"),
        ),
    ),
    ("Campaigns", ((Campaign, "Campaigns", "campaign"), (Brand, "Brands", "storefront"))),
    ("Carrier", ((CarrierOrder, "Carrier orders", "outbox"), (CarrierReading, "Reconciliation", "compare_arrows"))),
    (
        "Access",
        (
            (Organization, "Organizations", "domain"),
            (ApiKey, "API keys", "key"),
            (Operator, "Operators", "badge"),
            (Group, "Groups", "group"),
        ),
    ),
)


def mark(request: HttpRequest) -> str:  # noqa: ARG001  (Unfold passes it.)
    """Return the address of the product's mark."""
    return static("reference/mark.svg")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of links that the operator may follow."""
    counts = count_figures(request, site, BADGES)
    badges = {figure.model: str(counts[figure]) for figure in BADGES if counts.get(figure)}
    groups: list[dict[str, Any]] = [
        {
            "title": title,
            "separator": True,
            "items": [
                {"title": name, "icon": icon, "link": list_url(model)}
                | ({"badge": badges[model]} if model in badges else {})
                for model, name, icon in items
                if may_view(request, site, model)
            ],
        }
        for title, items in _GROUPS
    ]
    return [{"items": [{"title": "Home", "icon": "home", "link": reverse("admin:index")}]}, *groups]
