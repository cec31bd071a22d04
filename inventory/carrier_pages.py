"""Read a carrier's lists of numbers, page by page. The pages are kept, so that an interrupted import continues."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db.models import QuerySet
from django.db.models.functions import Now

from agentmessage.db.session import database_now
from carriers.base import Assignment, AssignmentPage, AssignmentState
from inventory.models import CarrierPage
from propagation.services.reading import Asker

MAX_AGE = timedelta(hours=1)
_TRIES = 3

GetPages = Callable[[int], Iterator[AssignmentPage]]
"""Yields the pages of a list from a position on."""
Progress = Callable[[int, int], None]
"""Called with how many records of a list have been read, and how many there are."""


class ListKeepsChanging(Exception):
    """The list was changed each time that it was read, so a number may be on none of its pages."""

    def __init__(self) -> None:
        super().__init__(f"The carrier's list of numbers changed while it was read, {_TRIES} times in a row.")


@dataclass(frozen=True, slots=True)
class Listed:
    """A whole list, by number. What has changed here since `read_at` may not have been in it."""

    assignments: dict[str, Assignment]
    unreadable: int
    read_at: datetime


def read_list(
    account: str, listing: CarrierPage.Listing, get_pages: GetPages, *, asker: Asker, progress: Progress
) -> Listed:
    """Return the list: pages of at most an hour ago that an earlier import has left, and the others from the carrier.

    A list that was changed while it was read is read again from the start.

    Raises:
        ListKeepsChanging: Three times in a row.
        ListUnavailable, CarrierRefused, CarrierUnavailable: The pages that were read are kept.
    """
    kept = CarrierPage.objects.filter(carrier=account, listing=listing)
    if kept.filter(read_at__lt=Now() - MAX_AGE).exists():
        kept.delete()
    for _ in range(_TRIES):
        _complete(kept, account, listing, get_pages, asker, progress)
        if (listed := _whole(kept)) is not None:
            return listed
        kept.delete()
    raise ListKeepsChanging


def forget_pages(account: str) -> None:
    """Delete the account's pages, so that the next import reads them from the carrier."""
    CarrierPage.objects.filter(carrier=account).delete()


def _complete(
    kept: QuerySet[CarrierPage],
    account: str,
    listing: CarrierPage.Listing,
    get_pages: GetPages,
    asker: Asker,
    progress: Progress,
) -> None:
    last = kept.order_by("-position").first()
    position = 0 if last is None else last.next_position
    done = sum(len(records) for records in kept.values_list("records", flat=True))
    while position is not None:
        read_at = database_now()
        page = asker.ask(partial(_first_page, get_pages, position))
        row = CarrierPage(
            carrier=account,
            listing=listing,
            position=position,
            next_position=page.next_position,
            records=[(one.number, one.tcr_campaign_id, one.state) for one in page.assignments],
            unreadable=page.unreadable,
            total=page.total,
            read_at=read_at,
        )
        # Another import of the account may have read the same page.
        CarrierPage.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["carrier", "listing", "position"],
            update_fields=["next_position", "records", "unreadable", "total", "read_at"],
        )
        done += len(page.assignments)
        progress(done, page.total)
        position = page.next_position


def _first_page(get_pages: GetPages, position: int) -> AssignmentPage:
    # A list without pages is an empty one.
    return next(get_pages(position), AssignmentPage([], None))


def _whole(kept: QuerySet[CarrierPage]) -> Listed | None:
    """Return the list that the pages make up; None if it was changed meanwhile."""
    pages = list(kept.order_by("position"))
    assignments = {
        number: Assignment(number, campaign, AssignmentState(state))
        for page in pages
        for number, campaign, state in page.records
    }
    unreadable = sum(page.unreadable for page in pages)
    follows = [page.position for page in pages] == [0, *(page.next_position for page in pages[:-1])]
    if not follows or {page.total for page in pages} != {len(assignments) + unreadable}:
        return None
    return Listed(assignments, unreadable, read_at=pages[0].read_at)
