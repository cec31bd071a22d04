"""The sidebar, by what operators do."""

from typing import Any

from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from accounts.models import ApiKey, Operator, Organization
from brands.models import Brand
from campaigns.models import Campaign
from console.stats import BADGES, count_stats, list_url, may_view
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
            (LogEntry, "Log entries", "edit_note"),
        ),
    ),
)


def mark(request: HttpRequest) -> str:  # noqa: ARG001  (Unfold passes it.)
    """Return the address of the product's mark."""
    return static("reference/mark.svg")


def stylesheet(request: HttpRequest) -> str:  # noqa: ARG001  (As above.)
    """Return the address of the console's own styles."""
    return static("console/console.css")


def script(request: HttpRequest) -> str:  # noqa: ARG001  (As above.)
    """Return the address of the console's own script."""
    return static("console/console.js")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of links that the operator may follow."""
    counts = count_stats(request, site, BADGES)
    badges = {stat.model: str(counts[stat]) for stat in BADGES if counts.get(stat)}
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
    if may_view(request, site, PhoneNumber) and may_view(request, site, CampaignAttachment):
        report = {"title": "Campaign at a time", "icon": "event", "link": reverse("admin:campaign_at")}
        groups[0]["items"].append(report)
    return [{"items": [{"title": "Home", "icon": "home", "link": reverse("admin:index")}]}, *groups]
