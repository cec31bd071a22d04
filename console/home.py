"""The home page: what is stuck and why, what will cost money, and whether carrier and workers are well.

Seven statements, whatever there is. They cost what is in progress, what has failed and, for the chart, the orders of a
day; the counts end at their cap.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Count, F, Model, Q, Sum
from django.db.models.functions import Coalesce, TruncHour
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from agentmessage.admin.lists import CappedCount
from agentmessage.admin.moments import relative
from console.stats import BRANDS, CAMPAIGNS, NUMBERS, SLOW_ORDERS, count_stats, list_url, may_view, shown
from phone_numbers.failures import FAILURES, UNKNOWN, FailureCode
from phone_numbers.models import AttachmentStatus, CampaignAttachment, LineOptionStatus, PhoneNumber
from propagation.models import CarrierOrder, CarrierReading
from propagation.services.stats import last_readings, worker_heartbeats

HOURS = 24
_READINGS = {
    CarrierReading.Subject.NUMBERS: "Last reconciliation of numbers",
    CarrierReading.Subject.CAMPAIGNS: "Last sync of campaigns",
    CarrierReading.Subject.NEWS: "Last announced changes",
}
_ON_ITS_WAY = Q(next_attempt_at__isnull=False) | Q(status=AttachmentStatus.SUBMITTED)


def home_context(request: HttpRequest, site: AdminSite) -> dict[str, Any]:
    """Return what the home page shows to this operator."""
    sees_numbers = may_view(request, site, PhoneNumber)
    sees_orders = may_view(request, site, CarrierOrder)
    counts = count_stats(request, site, (*NUMBERS, *CAMPAIGNS, *BRANDS, SLOW_ORDERS))
    health = [*(_carrier() if sees_orders else ()), *shown(counts, [SLOW_ORDERS])]
    if sees_numbers:
        health += _oldest_pending()
    if may_view(request, site, CarrierReading):
        health += _readings()
    return {
        "numbers": list(shown(counts, NUMBERS)),
        "campaigns": list(shown(counts, (*CAMPAIGNS, *BRANDS))),
        "chart": _chart() if sees_orders else None,
        "failures": list(_failures()) if sees_numbers else None,
        "health": health,
    }


def _chart() -> dict[str, Any]:
    """Return the numbers whose order ended in each of the last 24 hours, and the address of those orders."""
    first = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    hours = [first + timedelta(hours=hour) for hour in range(HOURS)]
    ended = CarrierOrder.objects.filter(ended_at__gte=first).order_by().values_list(TruncHour("ended_at"))
    found: dict[datetime, tuple[int, ...]] = {
        hour: tuple(sums) for hour, *sums in ended.annotate(Sum("succeeded"), Sum("failed"), Count("id"))
    }
    confirmed, failed, orders = ([found.get(hour, (0, 0, 0))[column] for hour in hours] for column in range(3))
    series = (("confirmed", confirmed, "var(--color-primary-600)"), ("failed", failed, "var(--color-red-500)"))
    return {
        "orders": CappedCount(sum(orders)),
        "confirmed": sum(confirmed),
        "failed": sum(failed),
        "url": list_url(CarrierOrder, ended_at_from_0=f"{first:%Y-%m-%d}", ended_at_from_1=f"{first:%H:%M:%S}"),
        "data": json.dumps(
            {
                "labels": [f"{hour:%H:%M}" for hour in hours],
                "datasets": [
                    {
                        "label": label,
                        "data": data,
                        "backgroundColor": color,
                        "stack": "all",
                        "displayYAxis": True,
                        "maxTicksXLimit": 8,
                    }
                    for label, data, color in series
                ],
            }
        ),
    }


def _failures() -> Iterator[dict[str, Any]]:
    failed = PhoneNumber.objects.filter(
        carrier_line_option_status=LineOptionStatus.FAILED, current_attachment__failure_code__isnull=False
    )
    codes = failed.order_by().values_list("current_attachment__failure_code").annotate(count=Count("*"))
    for code, count in codes.order_by("-count", "current_attachment__failure_code"):
        yield {
            "label": code,
            "count": CappedCount(count),
            "url": list_url(PhoneNumber, failure=code),
            "note": (FAILURES[FailureCode(code)] if code in FailureCode.values else UNKNOWN).resolution,
        }


def _carrier() -> Iterator[dict[str, Any]]:
    workers, heartbeat = worker_heartbeats()
    value = "No worker has reported. Start one: manage.py run_worker"
    if heartbeat is not None:
        value = format_html("{} running, last heartbeat {}", workers, relative(heartbeat))
    yield {"label": "Workers", "value": value, "alarm": not workers}
    succeeded = CarrierOrder.objects.filter(ended_at__isnull=False, succeeded__gt=0)
    last = succeeded.order_by("-ended_at").values_list("id", "ended_at").first()
    yield {"label": "Last success at the carrier"} | (
        {"value": relative(last[1]), "url": _page_of(CarrierOrder, last[0])}
        if last is not None and last[1] is not None
        else {"value": "none in the last 30 days"}
    )


def _oldest_pending() -> Iterator[dict[str, Any]]:
    """Describe the oldest attachment on its way. What waits for an approval is left out: that takes weeks."""
    oldest = (
        CampaignAttachment.objects.filter(_ON_ITS_WAY, phone_number__current_attachment_id=F("id"))
        .order_by(Coalesce("resumed_at", "created_at"))
        .values_list("phone_number_id", "phone_number__number", Coalesce("resumed_at", "created_at"))
        .first()
    )
    if oldest is None:
        yield {"label": "Oldest pending", "value": "nothing is on its way"}
    else:
        phone_number_id, number, since = oldest
        value = format_html("{}, {}", number, relative(since))
        yield {"label": "Oldest pending", "value": value, "url": _page_of(PhoneNumber, phone_number_id)}


def _readings() -> Iterator[dict[str, Any]]:
    for reading in last_readings():
        found = {"differed": reading.drifted, "left": reading.left, "without an answer": reading.unreadable}
        yield {
            "label": f"{_READINGS[CarrierReading.Subject(reading.subject)]}, {reading.carrier}",
            "value": format_html(
                "{}: {}",
                reading.ended_at and relative(reading.ended_at),
                ", ".join(f"{count:,} {word}" for word, count in found.items() if count) or "no drift",
            ),
            "url": _page_of(CarrierReading, reading.id),
            "alarm": reading.left > 0,
        }


def _page_of(model: type[Model], row_id: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row_id])
