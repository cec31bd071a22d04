"""The tasks as a real worker of procrastinate runs them, and what is left for it to tidy up."""

import asyncio
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import F
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued

from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment
from propagation import tasks
from propagation.models import CarrierOrder, CarrierReading
from propagation.services import reading
from propagation.services.housekeeping import delete_lost_jobs, delete_old_orders, delete_old_readings
from tests.propagation.conftest import tcr_id
from tests.support.api import ApiClient
from tests.support.factories import CampaignFactory, PhoneNumberFactory
from tests.support.propagation import Worker, attach, line_option_status
from tests.support.worlds import World


@pytest.fixture(autouse=True)
def _no_jobs(transactional_db: None) -> Iterator[None]:
    """Tables without a managed model are not emptied automatically."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def _work() -> None:
    """Until nothing is queued."""

    async def work() -> None:
        # One thread, so that its connection can be closed in the end.
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        async with working.open_async():
            await working.run_worker_async(
                wait=False, install_signal_handlers=False, listen_notify=False, concurrency=2
            )
        await loop.run_in_executor(None, connections.close_all)

    connector = app.connector.get_worker_connector()  # type: ignore[attr-defined]  # Django's has it.
    with app.replace_connector(connector) as working:
        asyncio.run(work())


def test_a_round_and_its_jobs(world: World, chosen: SimulatorServer, transactional_db: None) -> None:
    attach(world.phone_number, world.campaign)
    attach(world.stranger.phone_number, world.stranger.campaign)
    tasks.propagate(timestamp=0)
    assert ProcrastinateJob.objects.filter(task_name="process_orders", status="todo").count() == 1
    _work()
    assert line_option_status(world.phone_number) == line_option_status(world.stranger.phone_number) == "propagated"


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
        "inventory_imports",
        "delete_inventory_imports",
    }


def test_old_orders_and_lost_jobs_are_forgotten(world: World, worker: Worker) -> None:
    attach(world.phone_number, world.campaign)
    worker.run()
    assert delete_old_orders() == 0
    CarrierOrder.objects.update(ended_at=timezone.now() - timedelta(days=31))
    assert delete_old_orders() == 1
    assert CampaignAttachment.objects.get().order_id is not None
    tasks.process_orders.defer(account="default", order_ids=[], lease="2026-01-01T00:00:00+00:00")
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


def test_a_carrier_that_is_away_ends_the_long_tasks_and_the_next_minute_continues(
    log_lines: list[MutableMapping[str, Any]],
    world: World,
    chosen: SimulatorServer,
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "sleep", lambda _seconds: None)
    numbers = PhoneNumberFactory.create_batch(10, organization=world.organization)
    for index, number in enumerate(numbers):
        attach(number, world.campaign)
        CampaignFactory.create(brand=world.brand, tcr_campaign_id=tcr_id(100 + index))
    worker.run()
    chosen.faults = Faults(errors=1)
    tasks.sync_approvals(timestamp=0)
    tasks.reconcile_all(timestamp=0)
    told = [(line["event"], line["task"], line["reason"]) for line in log_lines if "task" in line]
    assert told == [
        ("task.ended_early", "sync", "The carrier failed with HTTP 503."),
        ("task.ended_early", "reconciliation", "The carrier failed with HTTP 503."),
    ]
    chosen.faults = Faults()
    chosen.store.put_campaign(str(world.campaign.tcr_campaign_id), "SUSPENDED")
    chosen.store.put_number(numbers[0].number, None)
    tasks.sync_approvals(timestamp=0)
    tasks.reconcile_all(timestamp=0)
    world.campaign.refresh_from_db()
    assert world.campaign.carrier_status == "SUSPENDED"
    [synced] = [line for line in log_lines if line["event"] == "sync.completed"]
    assert (synced["checked"], synced["drifted"], synced["left"], synced["unreadable"]) == (13, 1, 0, 0)
    [line] = [line for line in log_lines if line["event"] == "reconciliation.completed"]
    assert (line["checked"], line["missing"], line["left"], line["unreadable"]) == (12, 1, 0, 0)


def test_long_tasks_run_once_an_hour_and_once_a_night(
    log_lines: list[MutableMapping[str, Any]], world: World, chosen: SimulatorServer
) -> None:
    for _ in range(2):
        tasks.sync_approvals(timestamp=0)
        tasks.reconcile_all(timestamp=0)
    assert [line["event"] for line in log_lines if line["event"] in ("sync.completed", "reconciliation.completed")] == [
        "sync.completed",
        "reconciliation.completed",
    ]
    CarrierReading.objects.filter(subject="campaigns").update(started_at=F("started_at") - timedelta(hours=1))
    CarrierReading.objects.filter(subject="numbers").update(started_at=F("started_at") - timedelta(days=1))
    tasks.sync_approvals(timestamp=0)
    tasks.reconcile_all(timestamp=0)
    assert CarrierReading.objects.count() == 4


def test_too_much_drift_is_an_error_in_the_log(
    log_lines: list[MutableMapping[str, Any]], world: World, chosen: SimulatorServer
) -> None:
    for number in PhoneNumberFactory.create_batch(4, organization=world.organization):
        chosen.store.put_number(number.number, "CELSE00")
    tasks.reconcile_all(timestamp=0)
    [line] = [line for line in log_lines if line["log_level"] == "error"]
    assert line["reason"] == f"4 of 5 differ in organization {world.organization.id}, more than 3"


def test_long_tasks_are_behind_live_traffic_and_run_once_at_a_time(world: World, chosen: SimulatorServer) -> None:
    attach(world.phone_number, world.campaign)
    for task in (tasks.sync_approvals, tasks.reconcile_all, tasks.propagate):
        task.configure(task_kwargs={"timestamp": 0}).defer()
    for task in (tasks.sync_approvals, tasks.reconcile_all):
        with pytest.raises(AlreadyEnqueued), transaction.atomic():
            task.configure(task_kwargs={"timestamp": 0}).defer()
    jobs = {job.task_name: (job.priority, job.lock) for job in ProcrastinateJob.objects.all()}
    assert jobs == {
        "sync_campaigns": (-10, "sync_campaigns"),
        "reconcile": (-10, "reconcile"),
        "propagate": (1, None),
    }


def test_a_piece_without_time_leaves_its_rest_to_the_next(
    log_lines: list[MutableMapping[str, Any]], world: World, chosen: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(tasks, "PIECE_SECONDS", 0.0)
        tasks.reconcile_all(timestamp=0)
    tasks.reconcile_all(timestamp=0)
    events = [line["event"] for line in log_lines]
    assert ("task.interrupted" in events, events.count("reconciliation.completed")) == (True, 1)
    assert CarrierReading.objects.count() == 1


def test_old_readings_are_deleted(world: World, chosen: SimulatorServer) -> None:
    tasks.reconcile_all(timestamp=0)
    assert delete_old_readings() == 0
    CarrierReading.objects.update(started_at=timezone.now() - timedelta(days=31))
    assert delete_old_readings() == 1
