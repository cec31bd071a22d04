"""What the records of a time say once the carrier has answered, and once reconciliation has sent it again."""

from datetime import datetime

from django.utils import timezone

from console.attachments import Answer, read_answers
from phone_numbers.models import PhoneNumber
from phone_numbers.services.retry import requeue
from phone_numbers.services.transitions import Cause
from tests.support.propagation import Worker, attach, detach
from tests.support.worlds import World


def answer(number: PhoneNumber, at: datetime) -> Answer:
    (found,) = read_answers(PhoneNumber.objects.filter(id=number.id), at)
    return found


def test_a_number_that_reconciliation_has_sent_again(world: World, worker: Worker) -> None:
    number = attach(world.phone_number, world.campaign)
    attached = timezone.now()
    worker.settle()
    confirmed = timezone.now()
    assert [answer(number, at).confirmation for at in (attached, confirmed)] == ["no", "yes"]
    number.refresh_from_db()
    requeue(number, cause=Cause.RECONCILE)
    resumed = timezone.now()
    worker.settle()
    found = [answer(number, at) for at in (attached, confirmed, resumed, timezone.now())]
    assert [one.confirmation for one in found] == ["unknown", "unknown", "no", "yes"]
    assert [one.is_certain for one in found] == [False, False, False, True]


def test_a_detach(world: World, worker: Worker) -> None:
    attach(world.phone_number, world.campaign)
    worker.settle()
    detach(world.phone_number)
    found = answer(world.phone_number, timezone.now())
    assert (found.state, found.confirmation) == ("detached", "no")
    assert found.confirmed is not None
    assert found.confirmed.campaign == world.campaign
    worker.settle()
    assert answer(world.phone_number, timezone.now()).confirmation == "yes"
