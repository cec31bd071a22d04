"""The tasks as a real worker of procrastinate runs them, and what is left for it to tidy up."""

import asyncio
from collections.abc import Iterator, MutableMapping
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment
from propagation import tasks
from propagation.models import CarrierOrder
from propagation.services import calling
from propagation.services.housekeeping import delete_lost_jobs, delete_old_orders
from tests.support.api import ApiClient
from tests.support.propagation import Worker, attach, standing
from tests.support.worlds import World


@pytest.fixture(autouse=True)
def _no_jobs(transactional_db: None) -> Iterator[None]:
    """Tables that no model of ours manages are not emptied by themselves."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def _work() -> None:
    """Until nothing is queued."""

    async def work() -> None:
        async with working.open_async():
            await working.run_worker_async(
                wait=False, install_signal_handlers=False, listen_notify=False, concurrency=2
            )

    connector = app.connector.get_worker_connector()  # type: ignore[attr-defined]  # Django's has it.
    with app.replace_connector(connector) as working:
        asyncio.run(work())


def test_a_round_and_its_jobs(world: World, chosen: SimulatorServer, transactional_db: None) -> None:
    attach(world.phone_number, world.campaign)
    attach(world.stranger.phone_number, world.stranger.campaign)
    tasks.propagate(timestamp=0)
    assert ProcrastinateJob.objects.filter(task_name="process_orders", status="todo").count() == 1
    _work()
    assert standing(world.phone_number) == standing(world.stranger.phone_number) == "propagated"


def test_nothing_is_queued_by_an_attach(world: World, api: ApiClient) -> None:
    api.attach(world.phone_number.id, world.campaign.id)
    assert not ProcrastinateJob.objects.exists()


def test_a_full_queue_takes_no_more(world: World, chosen: SimulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    attach(world.phone_number, world.campaign)
    monkeypatch.setattr(tasks, "MAX_JOBS", 0)
    tasks.propagate(timestamp=0)
    assert not CarrierOrder.objects.exists()
    assert not ProcrastinateJob.objects.filter(task_name="process_orders").exists()


def test_every_task_is_periodic_or_deferred_by_one() -> None:
    periodic = {task for task, _id in app.periodic_registry.periodic_tasks}
    assert periodic == {
        "propagate",
        "tidy_up",
        "expire_campaigns",
        "sync_campaigns",
        "reconcile",
        "bulk_operations",
        "delete_bulk_operations",
    }


def test_old_orders_and_lost_jobs_are_forgotten(world: World, worker: Worker) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    assert delete_old_orders() == 0
    CarrierOrder.objects.update(ended_at=timezone.now() - timedelta(days=31))
    assert delete_old_orders() == 1
    assert CampaignAttachment.objects.get().order_id is not None
    tasks.process_orders.defer(order_ids=[], lease="2026-01-01T00:00:00+00:00")
    assert delete_lost_jobs() == 0
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL")
    assert delete_lost_jobs() == 1
    assert not ProcrastinateJob.objects.exists()


def test_the_log_leads_from_the_call_to_the_carriers_answer(
    log_lines: list[MutableMapping[str, Any]], world: World, api: ApiClient, worker: Worker
) -> None:
    request_id = api.attach(world.phone_number.id, world.campaign.id)["X-Request-Id"]
    log_lines.clear()
    worker.run()
    entry = CampaignAttachment.objects.get()
    told = [line for line in log_lines if line["event"] == "propagation.recorded"]
    assert told == [
        {
            "event": "propagation.recorded",
            "log_level": "info",
            "outcome": "propagated",
            "action": "attach",
            "attachment_id": str(entry.id),
            "order_id": str(entry.order_id),
            "request_id": request_id,
            "failure": None,
            "carrier_code": None,
        }
    ]
    assert any(line["event"] == "order.sent" for line in log_lines)


def test_a_carrier_that_is_away_ends_the_long_tasks_with_a_word(
    log_lines: list[MutableMapping[str, Any]],
    world: World,
    chosen: SimulatorServer,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    monkeypatch.setattr(calling, "sleep", lambda _seconds: None)
    chosen.faults = Faults(errors=1)
    tasks.sync_approvals(timestamp=0)
    tasks.reconcile_all(timestamp=0)
    told = [(line["event"], line["reason"]) for line in log_lines if line["event"].endswith("early")]
    assert told == [
        ("sync.ended_early", "The carrier failed with HTTP 503."),
        ("reconciliation.ended_early", "The carrier failed with HTTP 503."),
    ]
    chosen.faults = Faults()
    chosen.store.put_campaign(str(world.campaign.tcr_campaign_id), "SUSPENDED")
    chosen.store.put_number(world.phone_number.number, None)
    tasks.sync_approvals(timestamp=0)
    world.campaign.refresh_from_db()
    assert world.campaign.carrier_status == "SUSPENDED"
    tasks.reconcile_all(timestamp=0)
    [line] = [line for line in log_lines if line["event"] == "reconciliation.completed"]
    assert (line["checked"], line["missing"], line["left"]) == (2, 1, 0)
