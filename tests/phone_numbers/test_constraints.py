"""What must never be, tried with raw SQL: the database itself refuses, by the name of the constraint."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.actors import Actor
from agentmessage.ids import uuid7
from phone_numbers.models import CampaignAttachment
from phone_numbers.services.attach import attach_campaign, detach_campaign
from propagation.models import CarrierOrder
from tests.support.factories import make_key
from tests.support.worlds import World


@contextmanager
def refused_by(constraint: str) -> Iterator[None]:
    """Asserts that the statement inside fails on exactly this constraint, at once or when deferred ones are checked."""
    try:
        with transaction.atomic():
            yield
            execute("SET CONSTRAINTS ALL IMMEDIATE")
    except DatabaseError as error:
        cause: Any = error.__cause__
        assert cause.diag.constraint_name == constraint
    else:
        pytest.fail(f"{constraint} did not refuse it")


def execute(sql: str, *parameters: UUID | str | datetime | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def set_on_number(world: World, assignments: str, *parameters: UUID | str) -> None:
    execute(f"UPDATE numbers_phonenumber SET {assignments} WHERE id = %s", *parameters, world.phone_number.id)


@pytest.fixture
def entry(world: World) -> CampaignAttachment:
    """One entry of history."""
    number = attach_campaign(
        organization_id=world.organization.id,
        phone_number_id=world.phone_number.id,
        campaign_id=world.campaign.id,
        actor=Actor.for_command("test"),
    )
    assert number.current_attachment is not None
    return number.current_attachment


def test_a_number_cannot_be_put_on_another_tenants_campaign(world: World) -> None:
    with refused_by("numbers_phonenumber_campaign_same_organization"):
        set_on_number(world, "campaign_id = %s, carrier_line_option_status = 'pending'", world.stranger.campaign.id)


def test_a_number_on_a_campaign_cannot_change_tenants(world: World, entry: CampaignAttachment) -> None:
    with refused_by("numbers_phonenumber_campaign_same_organization"):
        set_on_number(world, "organization_id = %s", world.stranger.organization.id)


def test_a_number_on_a_campaign_cannot_lose_its_organization(world: World, entry: CampaignAttachment) -> None:
    with refused_by("numbers_phonenumber_campaign_organization"):
        set_on_number(world, "organization_id = NULL, state = 'QUARANTINED'")


def test_a_campaign_cannot_be_of_another_tenants_brand(world: World) -> None:
    with refused_by("campaigns_campaign_brand_same_organization"):
        execute("UPDATE campaigns_campaign SET brand_id = %s WHERE id = %s", world.stranger.brand.id, world.campaign.id)


def test_a_brand_with_campaigns_cannot_change_tenants(world: World) -> None:
    with refused_by("campaigns_campaign_brand_same_organization"):
        execute(
            "UPDATE brands_brand SET organization_id = %s WHERE id = %s",
            world.stranger.organization.id,
            world.brand.id,
        )


def test_a_campaign_with_numbers_cannot_be_deleted(world: World, entry: CampaignAttachment) -> None:
    with refused_by("numbers_phonenumber_campaign_same_organization"):
        execute("DELETE FROM campaigns_campaign WHERE id = %s", world.campaign.id)


@pytest.mark.parametrize(
    "number",
    [
        "19195550100",
        "+01955501000",
        "+1919555010a",
        "+1 919 555 0100",
        "+",
        "",
        "+123456789012x",
        "12345",
    ],
)
def test_a_number_is_e164(number: str, world: World) -> None:
    with refused_by("numbers_phonenumber_number_e164"):
        set_on_number(world, "number = %s", number)


@pytest.mark.parametrize("number", ["1234", "1234567", "012345", "12a45"])
def test_a_short_code_has_five_or_six_digits(number: str, world: World) -> None:
    with refused_by("numbers_phonenumber_number_e164"):
        set_on_number(world, "number_type = 'short_code', number = %s", number)


def test_a_number_exists_once(world: World) -> None:
    with refused_by("numbers_phonenumber_number_key"):
        set_on_number(world, "number = %s", world.stranger.phone_number.number)


@pytest.mark.parametrize(
    ("assignments", "constraint"),
    [
        ("number_type = 'mobile'", "numbers_phonenumber_number_type_known"),
        ("state = 'GONE'", "numbers_phonenumber_state_known"),
        ("state = 'AVAILABLE'", "numbers_phonenumber_state_organization"),
        ("organization_id = NULL", "numbers_phonenumber_state_organization"),
        ("carrier_line_option_status = 'pending'", "numbers_phonenumber_campaign_status"),
        ("carrier_line_option_status = 'propagated'", "numbers_phonenumber_campaign_status"),
        ("carrier_line_option_propagated_at = now()", "numbers_phonenumber_propagated_at"),
    ],
)
def test_states_that_contradict_each_other(assignments: str, constraint: str, world: World) -> None:
    with refused_by(constraint):
        set_on_number(world, assignments)


@pytest.mark.parametrize("status", ["NULL", "'removing'", "'lost'"])
def test_a_number_on_a_campaign_has_a_carrier_status(status: str, world: World, entry: CampaignAttachment) -> None:
    with refused_by("numbers_phonenumber_campaign_status"):
        set_on_number(world, f"carrier_line_option_status = {status}")


def test_a_current_attachment_is_the_numbers_own(world: World, entry: CampaignAttachment) -> None:
    with refused_by("numbers_phonenumber_current_attachment_its_own"):
        execute(
            "UPDATE numbers_phonenumber SET current_attachment_id = %s WHERE id = %s",
            entry.id,
            world.stranger.phone_number.id,
        )


@pytest.mark.parametrize(
    "assignment",
    [
        "id = gen_random_uuid()",
        "created_at = now()",
        "campaign_id = NULL",
        "previous_campaign_id = id",
        "organization_id = gen_random_uuid()",
        "phone_number_id = gen_random_uuid()",
        "actor_kind = 'operator'",
        "actor_id = ''",
        "request_id = ''",
        "reason = ''",
        "batch_id = id",
    ],
)
def test_history_cannot_be_changed(assignment: str, entry: CampaignAttachment) -> None:
    with refused_by("numbers_campaignattachment_append_only"):
        execute(f"UPDATE numbers_campaignattachment SET {assignment} WHERE id = %s", entry.id)


def test_history_cannot_be_deleted(entry: CampaignAttachment) -> None:
    with refused_by("numbers_campaignattachment_append_only"):
        execute("DELETE FROM numbers_campaignattachment WHERE id = %s", entry.id)


def test_history_cannot_be_truncated(db: None) -> None:
    # The tests' own database has this trigger switched off (conftest.py).
    execute("ALTER TABLE numbers_campaignattachment ENABLE TRIGGER numbers_campaignattachment_no_truncate")
    with refused_by("numbers_campaignattachment_append_only"):
        execute("TRUNCATE numbers_campaignattachment CASCADE")


def test_the_carriers_side_of_an_entry_is_written_as_it_comes_about(entry: CampaignAttachment) -> None:
    execute("UPDATE numbers_campaignattachment SET status = 'propagated', attempts = 1 WHERE id = %s", entry.id)
    entry.refresh_from_db()
    assert (entry.status, entry.attempts) == ("propagated", 1)


def test_submitted_without_an_order(entry: CampaignAttachment) -> None:
    with refused_by("numbers_campaignattachment_submitted_in_order"):
        execute("UPDATE numbers_campaignattachment SET status = 'submitted' WHERE id = %s", entry.id)


def test_two_orders_at_once_for_one_number(world: World, entry: CampaignAttachment) -> None:
    _insert_entry(world, world.other_campaign.id, world.campaign.id)
    submit = (
        "UPDATE numbers_campaignattachment SET status = 'submitted', next_attempt_at = NULL, order_id = %s"
        " WHERE id = %s"
    )
    second = CampaignAttachment.objects.exclude(id=entry.id).get()
    execute(submit, uuid7(), entry.id)
    with refused_by("numbers_campaignattachment_one_in_flight"):
        execute(submit, uuid7(), second.id)


def test_an_order_for_another_tenants_campaign(world: World) -> None:
    insert = (
        "INSERT INTO propagation_carrierorder (id, organization_id, carrier, action, campaign_id, created_at,"
        " next_poll_at, ended_at) VALUES (%s, %s, 'simulated', %s, %s, now(), %s, %s)"
    )
    now = timezone.now()
    with refused_by("propagation_carrierorder_campaign_same_organization"):
        execute(insert, uuid7(), world.organization.id, "attach", world.stranger.campaign.id, now, None)
    with refused_by("propagation_carrierorder_action_campaign"):
        execute(insert, uuid7(), world.organization.id, "detach", world.campaign.id, now, None)
    with refused_by("propagation_carrierorder_open_or_ended"):
        execute(insert, uuid7(), world.organization.id, "attach", world.campaign.id, now, now)


ATTACHMENT_ENDS = "UPDATE numbers_campaignattachment SET status = %s, next_attempt_at = NULL, order_id = %s"
RENAME = "number = '+19195550199'"
RETYPE = "number_type = 'toll_free'"


@pytest.mark.parametrize("assignment", [RENAME, RETYPE])
@pytest.mark.parametrize("status", ["pending", "submitted", "propagated", "failed"])
def test_a_number_on_a_campaign_keeps_its_name(
    status: str, assignment: str, world: World, entry: CampaignAttachment
) -> None:
    execute(ATTACHMENT_ENDS, status, uuid7())
    with refused_by("numbers_phonenumber_number_in_use"):
        set_on_number(world, assignment)
    set_on_number(world, "label = 'x', number = number, number_type = number_type")


@pytest.mark.parametrize("assignment", [RENAME, RETYPE])
@pytest.mark.parametrize("status", ["pending", "submitted", "failed"])
def test_a_number_is_corrected_once_the_carrier_has_confirmed_its_detach(
    status: str, assignment: str, world: World, entry: CampaignAttachment
) -> None:
    execute(ATTACHMENT_ENDS, "propagated", None)
    detach_campaign(
        organization_id=world.organization.id, phone_number_id=world.phone_number.id, actor=Actor.for_command("test")
    )
    detached = "UPDATE numbers_campaignattachment SET status = %s, next_attempt_at = NULL, order_id = %s"
    execute(f"{detached} WHERE campaign_id IS NULL", status, uuid7())
    # A new tenant does not see the detach, and waits for it all the same.
    set_on_number(world, "organization_id = NULL, state = 'AVAILABLE', carrier_line_option_status = NULL")
    with refused_by("numbers_phonenumber_number_in_use"):
        set_on_number(world, assignment)
    execute(f"{detached} WHERE campaign_id IS NULL", "propagated", None)
    set_on_number(world, assignment)


@pytest.mark.parametrize("tcr_id", ["'CNEW123'", "NULL"])
def test_a_campaign_with_numbers_keeps_its_tcr_id(tcr_id: str, world: World, entry: CampaignAttachment) -> None:
    changed = "UPDATE campaigns_campaign SET tcr_campaign_id = {} WHERE id = %s"
    # Nothing has been sent without one.
    execute(changed.format("'COLD123'"), world.campaign.id)
    with refused_by("campaigns_campaign_tcr_campaign_id_in_use"):
        execute(changed.format(tcr_id), world.campaign.id)
    execute("UPDATE campaigns_campaign SET tcr_campaign_id = 'COLD123', name = 'x' WHERE id = %s", world.campaign.id)
    # The number has moved on, its order to this campaign has not ended.
    order = CarrierOrder.objects.create(
        organization=world.organization,
        carrier="simulated",
        action="attach",
        campaign=world.campaign,
        created_at=timezone.now(),
        next_poll_at=timezone.now(),
    )
    set_on_number(world, "campaign_id = %s", world.other_campaign.id)
    with refused_by("campaigns_campaign_tcr_campaign_id_in_use"):
        execute(changed.format(tcr_id), world.campaign.id)
    CarrierOrder.objects.filter(id=order.id).update(ended_at=timezone.now(), next_poll_at=None)
    execute(changed.format(tcr_id), world.campaign.id)


def _insert_entry(
    world: World, campaign_id: UUID | None, previous_campaign_id: UUID | None, kind: str = "command"
) -> None:
    execute(
        "INSERT INTO numbers_campaignattachment (id, organization_id, phone_number_id, campaign_id,"
        " previous_campaign_id, actor_kind, actor_id, created_at, status, attempts)"
        " VALUES (%s, %s, %s, %s, %s, %s, 'test', now(), 'pending', 0)",
        uuid7(),
        world.organization.id,
        world.phone_number.id,
        campaign_id,
        previous_campaign_id,
        kind,
    )


def test_history_of_another_tenants_campaign(world: World) -> None:
    with refused_by("numbers_campaignattachment_campaign_same_organization"):
        _insert_entry(world, world.stranger.campaign.id, None)
    with refused_by("numbers_campaignattachment_previous_same_organization"):
        _insert_entry(world, world.campaign.id, world.stranger.campaign.id)


def test_history_that_says_nothing(world: World) -> None:
    with refused_by("numbers_campaignattachment_says_something"):
        _insert_entry(world, None, None, kind="operator")
    with refused_by("numbers_campaignattachment_is_a_move"):
        _insert_entry(world, world.campaign.id, world.campaign.id)
    with refused_by("numbers_campaignattachment_actor_kind_known"):
        _insert_entry(world, world.campaign.id, None, kind="unknown")


@pytest.mark.parametrize(
    ("assignment", "constraint"),
    [
        ("status = 'OPEN'", "campaigns_campaign_status_known"),
        ("carrier_status = 'OPEN'", "campaigns_campaign_carrier_status_known"),
        ("usecase = 'SPAM'", "campaigns_campaign_usecase_known"),
        ("tcr_campaign_id = 'B123456'", "campaigns_campaign_tcr_campaign_id_form"),
        ("name = ''", "campaigns_campaign_name_not_empty"),
    ],
)
def test_campaigns_speak_tcrs_words(assignment: str, constraint: str, world: World) -> None:
    with refused_by(constraint):
        execute(f"UPDATE campaigns_campaign SET {assignment} WHERE id = %s", world.campaign.id)


@pytest.mark.parametrize(
    ("assignment", "constraint"),
    [
        ("identity_status = 'TRUSTED'", "brands_brand_identity_status_known"),
        ("tcr_brand_id = 'b123456'", "brands_brand_tcr_brand_id_form"),
        ("name = ''", "brands_brand_name_not_empty"),
    ],
)
def test_brands_speak_tcrs_words(assignment: str, constraint: str, world: World) -> None:
    with refused_by(constraint):
        execute(f"UPDATE brands_brand SET {assignment} WHERE id = %s", world.brand.id)


@pytest.mark.parametrize(
    ("assignment", "constraint"),
    [
        ("scopes = '{}'", "accounts_apikey_scopes_known"),
        ("scopes = '{everything}'", "accounts_apikey_scopes_known"),
        ("label = ''", "accounts_apikey_label_not_empty"),
    ],
)
def test_keys_have_known_scopes(assignment: str, constraint: str, world: World) -> None:
    key, _plain = make_key(world.organization)
    with refused_by(constraint):
        execute(f"UPDATE accounts_apikey SET {assignment} WHERE id = %s", key.id)


def test_a_digest_exists_once(world: World) -> None:
    first, _plain = make_key(world.organization)
    second, _plain = make_key(world.stranger.organization)
    with refused_by("accounts_apikey_digest_key"):
        execute(
            "UPDATE accounts_apikey SET digest = (SELECT digest FROM accounts_apikey WHERE id = %s) WHERE id = %s",
            first.id,
            second.id,
        )
