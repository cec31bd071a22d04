"""Propagation stats, in the command and for Prometheus."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accounts.actors import Actor
from campaigns.models import CarrierStatus
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.models import CampaignAttachment
from propagation import metrics
from propagation.models import CarrierOrder
from propagation.services.reconcile import reconcile
from tests.support.api import ApiClient
from tests.support.factories import PhoneNumberFactory
from tests.support.propagation import HOUR, Worker, attach, detach, fail_propagation
from tests.support.worlds import World


@pytest.fixture
def various(world: World, worker: Worker, simulator: SimulatorServer, unreachable: Worker) -> None:
    """A number in each state, a worker that lives, and one that was killed."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")  # No test's cleaning up does: Django does not manage it.
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now() - interval '1 hour')")
    done, failed, retried, waiting, due, open_, gone = PhoneNumberFactory.create_batch(
        7, organization=world.organization
    )
    attach(done, world.campaign)
    attach(gone, world.campaign)
    worker.run()
    detach(gone)
    fail_propagation(failed, world.campaign)
    simulator.faults = Faults(order_seconds=HOUR)
    attach(open_, world.campaign)
    worker.run()
    attach(retried, world.campaign)
    unreachable.run()
    # Times that give the same stats however long the test takes.
    now = timezone.now()
    CampaignAttachment.objects.filter(phone_number=retried).update(next_attempt_at=now + timedelta(hours=1))
    CarrierOrder.objects.filter(failed=0, ended_at__isnull=False).update(ended_at=now + timedelta(hours=1))
    CarrierOrder.objects.filter(failed=1).update(ended_at=now - timedelta(minutes=30))
    world.other_campaign.carrier_status = CarrierStatus.PENDING
    world.other_campaign.save()
    attach(waiting, world.other_campaign)
    attach(due, world.campaign)


def test_the_command(various: None) -> None:
    said = StringIO()
    call_command("propagation_status", "--json", stdout=said)
    answer = json.loads(said.getvalue())
    # `gone` and `open_` are in open orders; the world's own two numbers have no campaign.
    assert answer["numbers"] == {"failed": 1, "none": 2, "pending": 4, "propagated": 1, "removing": 1}
    assert answer["unsettled"] == {"worker": 1, "carrier": 2, "retry": 1, "approval": 1}
    assert answer["failures"] == {"REJECTED": 1}
    assert (answer["open_orders"], answer["workers"]) == (2, 1)
    assert answer["last_heartbeat"] is not None
    assert answer["rates"] == [
        {"minutes": 1, "succeeded": 2, "failed": 0, "orders": 1},
        {"minutes": 60, "succeeded": 2, "failed": 1, "orders": 2},
    ]
    assert answer["oldest_pending"] is not None
    assert answer["accounts"]["default"]["open_orders"] == 2
    said = StringIO()
    call_command("propagation_status", stdout=said)
    for words in (
        "at the carrier, waiting for its answer",
        "REJECTED",
        "open orders: 2",
        "account default: 2 open orders, 1 failed",
        "workers: 1, the last",
        "oldest pending: recorded",
    ):
        assert words in said.getvalue()


def test_the_same_stats_for_prometheus(various: None, settings: Settings, api: ApiClient) -> None:
    settings.METRICS_TOKEN = "scrape"
    metrics._statuses = None
    api.client.get("/v1/phone-numbers/1/campaign")
    api.client.generic("BREW", "/v1/nothing/at/all")
    response = Client().get("/metrics", headers={"Authorization": "Bearer scrape"})
    assert response.status_code == 200
    values = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }
    assert values["agentmessage_numbers", "pending"] == 4
    assert values["agentmessage_propagation_unsettled", "carrier", "default"] == 2
    assert values["agentmessage_propagation_failed", "REJECTED", "default"] == 1
    assert values["agentmessage_propagation_ended", "1", "default", "succeeded"] == 2
    assert values["agentmessage_carrier_open_orders", "default"] == 2
    assert 0 < values["agentmessage_propagation_oldest_seconds", "default"] < 600
    assert values["agentmessage_workers",] == 1
    assert values["agentmessage_worker_heartbeat_seconds",] < 600
    route = "v1/phone-numbers/<str:phone_number_id>/campaign"
    assert values["agentmessage_requests_total", "403", "GET", route] >= 1
    assert any(key[0] == "agentmessage_requests_total" and "other" in key for key in values)
    assert values["agentmessage_request_seconds_count", "GET", route] >= 1


def test_drift_that_was_too_much_is_shown_until_a_run_has_corrected_it(
    world: World, worker: Worker, simulator: SimulatorServer, settings: Settings
) -> None:
    for number in PhoneNumberFactory.create_batch(4, organization=world.organization):
        simulator.store.put_number(number.number, "CELSE00")
    for force, left in ((False, 4.0), (True, 0.0)):
        reconcile(carrier=worker.carrier, actor=Actor.for_worker("reconcile"), force=force)
        values = {
            sample.name: sample.value
            for family in metrics.collect_propagation()
            for sample in family.samples
            if sample.labels == {"account": "default", "subject": "numbers"}
        }
        assert values.pop("agentmessage_drift_age_seconds") >= 0
        assert values == {
            "agentmessage_drift": 4, "agentmessage_drift_left": left, "agentmessage_drift_unreadable": 0,
        }  # fmt: skip
        said = StringIO()
        call_command("propagation_status", "--json", stdout=said)
        assert json.loads(said.getvalue())["drift"] == {"numbers": {"differed": 4, "left": left, "unreadable": 0}}
    said = StringIO()
    call_command("propagation_status", stdout=said)
    assert "4 differed, 0 were left because they were too many" in said.getvalue()


def test_metrics_require_the_token(db: None, settings: Settings) -> None:
    assert Client().get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "scrape"
    for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Bearer scräpe"}):
        response = Client().get("/metrics", headers=headers)
        assert (response.status_code, response["WWW-Authenticate"]) == (401, "Bearer")
