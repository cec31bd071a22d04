"""The table of transitions, the log line of each, and how failures are counted."""

import re
from collections.abc import MutableMapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Scope
from campaigns.models import Campaign, CampaignStatus, CarrierStatus
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer
from phone_numbers.failures import FAILURES, WAIT_FOR_CAMPAIGN, FailureCode, remedy_of
from phone_numbers.models import AttachmentStatus, CampaignAttachment
from phone_numbers.services.retry import retry_propagation
from phone_numbers.services.transitions import TRANSITIONS, Cause, ForbiddenTransition, check_transition
from propagation.services import dispatch
from propagation.services.dispatch import make_decided_due, make_orders_due
from tests.support.api import ApiClient
from tests.support.factories import make_key
from tests.support.propagation import Worker, attach, entries, fail_propagation, hurry, line_option_status, statuses
from tests.support.worlds import World

LogLines = list[MutableMapping[str, Any]]


@pytest.fixture
def api(world: World) -> ApiClient:
    """A client that may read, too."""
    _key, plain = make_key(world.organization, Scope.NUMBERS_READ, Scope.NUMBERS_WRITE)
    return ApiClient(plain)


def _outcomes(log_lines: LogLines) -> list[tuple[str, str | None]]:
    return [(line["outcome"], line["failure"]) for line in log_lines if line["event"] == "propagation.recorded"]


def test_the_table_of_transitions() -> None:
    assert not [before for before, _after in TRANSITIONS if before == AttachmentStatus.SUPERSEDED]
    for (before, after), causes in TRANSITIONS.items():
        for cause in Cause:
            if cause in causes:
                check_transition(before, after, cause)
            else:
                with pytest.raises(ForbiddenTransition):
                    check_transition(before, after, cause)
    to_pending = {before: causes for (before, after), causes in TRANSITIONS.items() if after == "pending"}
    assert to_pending[AttachmentStatus.FAILED] == {Cause.RETRY, Cause.APPROVAL}
    assert to_pending[AttachmentStatus.PROPAGATED] == {Cause.RECONCILE}


def test_superseded_is_final_in_the_database(world: World, worker: Worker) -> None:
    attach(world.phone_number, world.campaign)
    attach(world.phone_number, world.other_campaign)
    worker.settle()
    with pytest.raises(DatabaseError, match="a superseded attachment cannot become pending"):
        CampaignAttachment.objects.filter(status="superseded").update(status="pending")


def test_what_fails_before_the_call_is_logged(world: World, worker: Worker, log_lines: LogLines) -> None:
    attach(world.phone_number, world.campaign)
    world.campaign.status = CampaignStatus.EXPIRED
    world.campaign.save()
    worker.settle()
    assert _outcomes(log_lines) == [("failed", "CAMPAIGN_NOT_ACTIVE")]


def test_what_is_superseded_before_the_claim_is_logged(world: World, worker: Worker, log_lines: LogLines) -> None:
    attach(world.phone_number, world.campaign)
    attach(world.phone_number, world.other_campaign)
    worker.settle()
    assert _outcomes(log_lines) == [("superseded", None), ("propagated", None)]


def test_what_is_superseded_before_it_is_sent_is_logged(world: World, worker: Worker, log_lines: LogLines) -> None:
    attach(world.phone_number, world.campaign)
    worker.claim()
    attach(world.phone_number, world.other_campaign)
    worker.settle()
    assert _outcomes(log_lines) == [("superseded", None), ("propagated", None)]


def test_an_approval_and_a_retry_are_logged(world: World, worker: Worker, log_lines: LogLines) -> None:
    fail_propagation(world.phone_number, world.campaign, FailureCode.CAMPAIGN_REJECTED)
    make_decided_due()
    fail = CampaignAttachment.objects.get()
    assert (fail.status, fail.attempts, fail.failure_code) == ("pending", 0, None)
    world.brand.identity_status = None
    world.brand.save()
    worker.run()
    retry_propagation(organization_id=world.organization.id, phone_number_id=world.phone_number.id)
    assert _outcomes(log_lines) == [
        ("failed", "CAMPAIGN_REJECTED"),
        ("pending", None),
        ("failed", "BRAND_NOT_VERIFIED"),
        ("pending", None),
    ]


def test_attempts_count_one_kind_of_failure(
    world: World, worker: Worker, simulator: SimulatorServer, settings: Settings
) -> None:
    settings.PROPAGATION_MAX_ATTEMPTS = 3
    simulator.faults = Faults(failures=1)
    simulator.chance.reason = lambda: "campaign_not_ready"  # type: ignore[method-assign]
    attach(world.phone_number, world.campaign)
    for round_ in range(1, 6):
        worker.run()
        [entry] = entries(world.phone_number)
        assert (entry["status"], entry["attempts"], entry["failure_code"]) == ("pending", round_, "CAMPAIGN_NOT_READY")
        hurry()
    simulator.stop()
    worker.run()
    [entry] = entries(world.phone_number)
    assert (entry["status"], entry["attempts"], entry["failure_code"]) == ("pending", 1, "CARRIER_UNAVAILABLE")
    assert _seconds_until(entry["next_attempt_at"]) < 60, "The first outage is retried as a first one."


def test_a_lost_answer_begins_a_new_count(world: World, worker: Worker, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(failures=1)
    simulator.chance.reason = lambda: "campaign_not_ready"  # type: ignore[method-assign]
    attach(world.phone_number, world.campaign)
    for _ in range(3):
        worker.run()
        hurry()
    simulator.faults = Faults(errors=1)
    worker.run()
    [entry] = entries(world.phone_number)
    assert (entry["status"], entry["attempts"], entry["failure_code"]) == ("submitted", 1, "CARRIER_UNAVAILABLE")


def _seconds_until(moment: datetime) -> float:
    return (moment - timezone.now()).total_seconds()


@pytest.mark.parametrize("code", FailureCode)
def test_what_is_said_of_a_failure_is_what_happens(
    world: World, worker: Worker, api: ApiClient, code: FailureCode
) -> None:
    fail_propagation(world.phone_number, world.campaign, code)
    shown = api.client.get(f"/v1/phone-numbers/{world.phone_number.id}/campaign").json()["data"]["failure"]
    assert shown["can_retry"] is True
    worker.run()
    assert shown["retried_automatically"] is (line_option_status(world.phone_number) == "propagated")
    if not shown["retried_automatically"]:
        assert api.post(f"/v1/phone-numbers/{world.phone_number.id}/campaign/retry", {}).status_code == 200


def test_the_admin_says_what_to_do(world: World, admin_client: Client) -> None:
    fail_propagation(world.phone_number, world.campaign, FailureCode.NOT_CONFIGURED)
    entry = CampaignAttachment.objects.get()
    page = admin_client.get(reverse("admin:numbers_campaignattachment_change", args=[entry.id])).content.decode()
    assert FAILURES[FailureCode.NOT_CONFIGURED].resolution in page


def test_a_failure_that_is_retried_cannot_be_retried_by_hand(world: World, worker: Worker, api: ApiClient) -> None:
    fail_propagation(world.phone_number, world.campaign)
    attach(world.phone_number, world.other_campaign)
    [entry, _newer] = entries(world.phone_number)
    remedy = remedy_of(entry["failure_code"], has_failed=True, is_current=False)
    assert (remedy.can_retry, remedy.retried_automatically) == (False, False)
    remedy = remedy_of("CARRIER_UNAVAILABLE", has_failed=False, is_current=True)
    assert (remedy.can_retry, remedy.retried_automatically) == (False, True)


def test_the_page_has_the_table() -> None:
    page = Path("docs/propagation.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|$", page, re.MULTILINE))
    assert rows == {code.value: f"{meaning.retried} | {meaning.resolution}" for code, meaning in FAILURES.items()}


def test_the_sql_names_the_codes_that_wait_for_approval() -> None:
    assert f"IN ({', '.join(repr(code.value) for code in WAIT_FOR_CAMPAIGN)})" in dispatch._WAITING


def test_a_number_that_is_locked_is_resumed_later(world: World) -> None:
    """An approval never waits for a number, and so it cannot deadlock with a transaction that locks several."""
    fail_propagation(world.phone_number, world.campaign, FailureCode.CAMPAIGN_REJECTED)
    copy = connection.copy()
    try:
        copy.set_autocommit(False)
        with copy.cursor() as cursor:
            cursor.execute("SELECT 1 FROM numbers_phonenumber WHERE id = %s FOR UPDATE", [world.phone_number.id])
        assert make_decided_due() == 0
        assert line_option_status(world.phone_number) == "failed"
        copy.rollback()
    finally:
        copy.close()
    assert make_decided_due() == 1
    assert line_option_status(world.phone_number) == "pending"


def test_a_webhook_and_an_approval_round_read_indexes(world: World) -> None:
    world.campaign.carrier_status = CarrierStatus.PENDING
    world.campaign.save()
    attach(world.phone_number, world.campaign)
    Campaign.objects.update(carrier_status=CarrierStatus.APPROVED)
    with CaptureQueriesContext(connection) as captured:
        make_orders_due(order_ids=[str(world.phone_number.id)], numbers=[world.phone_number.number])
        assert make_decided_due() == 1
    statements = [query["sql"] for query in captured if re.match(r"\s*(SELECT|UPDATE|WITH)", query["sql"])]
    assert len(statements) >= 4
    with transaction.atomic(), connection.cursor() as cursor:
        # Of a small table the planner reads everything where it may.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for statement in statements:
            cursor.execute("EXPLAIN (COSTS OFF) " + statement)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan" not in plan, plan


def test_a_pending_campaign_that_is_no_longer_fit_fails_what_waits(world: World, worker: Worker) -> None:
    world.campaign.carrier_status = CarrierStatus.PENDING
    world.campaign.save()
    attach(world.phone_number, world.campaign)
    worker.run()
    assert statuses(world.phone_number) == ["pending"]
    world.campaign.status = CampaignStatus.EXPIRED
    world.campaign.save()
    worker.run()
    assert entries(world.phone_number)[0]["failure_code"] == "CAMPAIGN_NOT_ACTIVE"
    assert line_option_status(world.phone_number) == "failed"
