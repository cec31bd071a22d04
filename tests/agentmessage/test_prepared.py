"""Statements that are written by hand read what the ORM reads."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DataError, connection, transaction
from django.db.transaction import TransactionManagementError
from pytest_django import DjangoAssertNumQueries

from agentmessage.db.prepared import fetch_one
from tests.support.worlds import World

pytestmark = pytest.mark.django_db


def test_rows_and_none() -> None:
    assert fetch_one("SELECT n FROM generate_series(1, %s) n", [3]) == (1,)
    assert fetch_one("SELECT 1 WHERE %s", [False]) is None


def test_statements_are_part_of_the_transaction(world: World) -> None:
    with transaction.atomic():
        fetch_one("UPDATE accounts_organization SET name = 'other' WHERE id = %s RETURNING id", [world.organization.id])
        transaction.set_rollback(True)
    world.organization.refresh_from_db()
    assert world.organization.name != "other"


def test_errors_are_djangos() -> None:
    with pytest.raises(DataError), transaction.atomic():
        fetch_one("SELECT 1 / %s::integer", [0])


def test_execute_wrappers_see_the_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    seen: list[str] = []

    def record(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(record), django_assert_num_queries(1):
        assert fetch_one("SELECT %s::integer", [1]) == (1,)
    assert seen == ["SELECT %s::integer"]


def test_a_failed_transaction_runs_no_statement() -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            fetch_one("SELECT 1", [])
