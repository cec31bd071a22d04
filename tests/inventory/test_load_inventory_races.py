"""A load beside other writers. Who came first is decided by the row's lock; without it, history is wrong."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError
from django.db import connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from accounts.actors import Actor
from inventory import load as loading
from inventory.merge import Counts
from inventory.reading import InventoryRefused
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from phone_numbers.services.attach import attach_campaign
from tests.support.factories import BrandFactory, CampaignFactory, PhoneNumberFactory
from tests.support.inventories import Ids, all_rows, load, load_file, small_inventory
from tests.support.waiting import DEADLINE, connections_waiting_for_locks, wait_until
from tests.support.worlds import World

pytestmark = pytest.mark.django_db(transaction=True)

ACTOR = Actor.for_command("test")


@pytest.fixture
def world(transactional_db: None) -> World:
    """A world that other connections see."""
    return World()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for writers with connections of their own."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


def start(pool: ThreadPoolExecutor, call: Callable[[], Any]) -> Future[Any]:
    """Runs the call in a thread whose connection is closed at the end."""

    def run() -> Any:
        try:
            return call()
        finally:
            connection.close()

    return pool.submit(run)


def inventory_of(world: World, **keys: Any) -> dict[str, Any]:
    """A document that puts the world's number on its other campaign."""
    number = {
        "id": str(world.phone_number.id),
        "number": world.phone_number.number,
        "number_type": "local",
        "state": "ASSIGNED",
        "campaign_id": str(world.other_campaign.id),
    }
    organization = {
        "id": str(world.organization.id),
        "name": world.organization.name,
        "slug": world.organization.slug,
        "phone_numbers": [number | keys],
    }
    return {"organizations": [organization]}


@contextmanager
def an_attach_about_to_commit(world: World) -> Iterator[None]:
    """Within, another connection has attached the world's campaign and not yet committed; then it commits."""
    attached, go_on = threading.Event(), threading.Event()

    def attach() -> None:
        with transaction.atomic():
            attach_campaign(
                organization_id=world.organization.id,
                phone_number_id=world.phone_number.id,
                campaign_id=world.campaign.id,
                actor=ACTOR,
                durable=False,
            )
            attached.set()
            assert go_on.wait(DEADLINE)

    with ThreadPoolExecutor(1) as pool:
        done = start(pool, attach)
        try:
            assert attached.wait(DEADLINE)
            yield
        finally:
            go_on.set()
        done.result(DEADLINE)


def moves() -> list[tuple[UUID | None, UUID | None]]:
    """All history, oldest first: from which campaign to which."""
    return list(
        CampaignAttachment.objects.order_by("created_at", "id").values_list("previous_campaign_id", "campaign_id")
    )


def test_a_load_waits_for_an_attach_and_starts_from_its_outcome(world: World, pool: ThreadPoolExecutor) -> None:
    with an_attach_about_to_commit(world):
        loaded = start(pool, lambda: load(inventory_of(world)))
        wait_until(connections_waiting_for_locks, "the load waits for a lock")

    assert loaded.result(DEADLINE).attached == 1
    assert moves() == [(None, world.campaign.id), (world.campaign.id, world.other_campaign.id)]


def test_without_the_lock_history_would_be_wrong(
    world: World, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "lock_staged_phone_numbers", lambda: None)
    with an_attach_about_to_commit(world):
        loaded = start(pool, lambda: load(inventory_of(world)))
        wait_until(connections_waiting_for_locks, "the load waits for a lock")

    loaded.result(DEADLINE)
    assert sorted(moves(), key=str) == sorted([(None, world.campaign.id), (None, world.other_campaign.id)], key=str)


def test_the_locks_come_before_everything_that_is_decided_or_written(world: World) -> None:
    with CaptureQueriesContext(connection) as captured:
        load(inventory_of(world))

    statements = [query["sql"] for query in captured if "inventory" in query["sql"] or "advisory" in query["sql"]]
    kinds = [
        "load lock"
        if "pg_advisory_xact_lock" in sql
        else "staging"
        if sql.lstrip().startswith(("CREATE TEMPORARY TABLE inventory_phone", "COPY inventory_phone", "ANALYZE"))
        else "number locks"
        if "FOR NO KEY UPDATE" in sql and 'ORDER BY "numbers_phonenumber"."id"' in sql
        else "work"
        for sql in statements
    ]
    assert kinds[:5] == ["load lock", "staging", "staging", "staging", "number locks"]
    assert "number locks" not in kinds[5:]
    assert len(kinds) > 10


def test_loads_and_attaches_of_many_numbers_end_as_one_line_of_moves(world: World, pool: ThreadPoolExecutor) -> None:
    numbers = [world.phone_number, *PhoneNumberFactory.create_batch(19, organization=world.organization)]
    document = inventory_of(world)
    one = document["organizations"][0]["phone_numbers"][0]
    document["organizations"][0]["phone_numbers"] = [
        dict(one, id=str(number.id), number=number.number) for number in reversed(numbers)
    ]
    start_line = threading.Barrier(5)

    def attach_all() -> None:
        start_line.wait(DEADLINE)
        for number in numbers:
            attach_campaign(
                organization_id=world.organization.id,
                phone_number_id=number.id,
                campaign_id=world.campaign.id,
                actor=ACTOR,
            )

    def load_often() -> None:
        start_line.wait(DEADLINE)
        for _ in range(5):
            load(document)

    writers = [start(pool, call) for call in (attach_all, load_often, attach_all, load_often, attach_all)]
    for writer in writers:
        writer.result(DEADLINE)

    for number in numbers:
        number.refresh_from_db()
        history = list(number.attachments.order_by("created_at", "id"))
        assert [entry.previous_campaign_id for entry in history] == [
            None,
            *(entry.campaign_id for entry in history[:-1]),
        ]
        assert number.campaign_id == history[-1].campaign_id
        assert number.current_attachment_id == history[-1].id


def test_two_loads_of_one_document_run_one_after_the_other(pool: ThreadPoolExecutor, transactional_db: None) -> None:
    document = small_inventory(Ids())
    both = [start(pool, lambda: load(document)).result for _ in range(2)]
    counts = [result(DEADLINE).phone_numbers for result in both]
    assert sorted(counts, key=str) == [Counts(0, 0, 2), Counts(2, 0, 0)]


def refusal_after_deleting(row: Model, document: dict[str, Any], pool: ThreadPoolExecutor) -> dict[str, str] | None:
    """The refusal of a load that has waited for another connection to delete the row."""
    before = all_rows()["numbers_phonenumber"]
    with transaction.atomic():
        type(row)._default_manager.filter(pk=row.pk).delete()
        loaded = start(pool, lambda: load(document))
        wait_until(connections_waiting_for_locks, "the load waits for a lock")
    with pytest.raises(InventoryRefused) as refused:
        loaded.result(DEADLINE)
    assert all_rows()["numbers_phonenumber"] == before
    return refused.value.details


def test_a_campaign_that_is_deleted_meanwhile_is_missing(world: World, pool: ThreadPoolExecutor) -> None:
    campaign = CampaignFactory.create(brand=world.brand)
    document = inventory_of(world, campaign_id=str(campaign.id))
    assert refusal_after_deleting(campaign, document, pool) == {
        "organizations[0].phone_numbers[0].campaign_id": f'"{campaign.id}" is not a campaign of this organization'
    }


def test_a_brand_that_is_deleted_meanwhile_is_missing(world: World, pool: ThreadPoolExecutor) -> None:
    brand = BrandFactory.create(organization=world.organization)
    document = inventory_of(world)
    document["organizations"][0]["campaigns"] = [
        {"id": Ids().new, "brand_id": str(brand.id), "name": "New", "usecase": "MIXED", "status": "ACTIVE"}
    ]
    assert refusal_after_deleting(brand, document, pool) == {
        "organizations[0].campaigns[0].brand_id": f'"{brand.id}" is not a brand of this organization'
    }


def test_a_row_that_appears_in_between_stops_the_load_with_a_sentence(
    tmp_path: Path, world: World, pool: ThreadPoolExecutor
) -> None:
    document = inventory_of(world, id=Ids().new, number="+15555550177", label="from the document")
    before = all_rows()
    with transaction.atomic():
        stray = PhoneNumberFactory.create(
            organization=world.stranger.organization, number="+15555550177", state=NumberState.ASSIGNED
        )
        loaded = start(pool, lambda: load_file(tmp_path / "i.json", document))
        wait_until(connections_waiting_for_locks, "the load waits for a lock")

    with pytest.raises(CommandError) as refused:
        loaded.result(DEADLINE)
    assert str(refused.value) == (
        "The database refused: duplicate key value violates unique constraint "
        '"numbers_phonenumber_number_key". A load is all or nothing and safe to run again.'
    )
    assert PhoneNumber.objects.get(number="+15555550177").id == stray.id
    after = all_rows()
    after["numbers_phonenumber"] = [row for row in after["numbers_phonenumber"] if stray.id not in row]
    assert after == before
