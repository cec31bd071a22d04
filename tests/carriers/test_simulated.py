"""The simulated carrier: as unpleasant as asked for, and honest about what it has done."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from carriers.base import CampaignDecision, Carrier, CarrierUnavailable, OrderAction, OrderRequest
from carriers.choose import build_carrier
from carriers.simulated.faults import Clock, Faults
from carriers.simulated.server import SimulatorServer
from tests.support.propagation import decision
from tests.support.waiting import wait_until

NUMBERS = tuple(f"+1919555{n:04d}" for n in range(200))


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    server = SimulatorServer(seed=3, clock=Clock(stopped=True))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def carrier(simulator: SimulatorServer) -> Iterator[Carrier]:
    with closing(_adapter(simulator.url)) as carrier:
        yield carrier


def _adapter(url: str) -> Carrier:
    return build_carrier(url, pace=lambda: None)


def _order(*numbers: str, campaign: str | None = "CABC123") -> OrderRequest:
    action = OrderAction.DETACH if campaign is None else OrderAction.ATTACH
    return OrderRequest(str(uuid4()), action, campaign, numbers or NUMBERS)


def _http(carrier_url: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    url = carrier_url.replace("simulated", "http") + path
    request = urllib.request.Request(url, content, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_orders_take_effect_once(carrier: Carrier, simulator: SimulatorServer) -> None:
    order = _order()
    assert carrier.submit(order).failures == {}
    assert carrier.submit(order).carrier_order_id == order.order_id, "It is found, not carried out again."
    assert simulator.store.statistics() == {"orders": 1, "numbers": 200, "duplicate_orders": 1}
    assert dict(carrier.assignments([NUMBERS[0], "+19990000000"])) == {NUMBERS[0]: "CABC123", "+19990000000": None}
    carrier.submit(_order(NUMBERS[0], campaign=None))
    assert len(simulator.store.numbers(limit=1000)) == 199


def test_orders_take_their_time_and_end_in_order(carrier: Carrier, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(order_seconds=30)
    slow = _order(NUMBERS[0])
    assert carrier.submit(slow).is_open
    simulator.faults = Faults(order_seconds=10)
    carrier.submit(_order(NUMBERS[0], campaign="CFAST00"))
    simulator.clock.advance(9)
    assert simulator.store.numbers() == {}
    simulator.clock.advance(1)
    assert simulator.store.numbers() == {NUMBERS[0]: "CFAST00"}
    simulator.clock.advance(20)
    found = carrier.find(slow)
    assert found is not None
    assert not found.is_open
    assert simulator.store.numbers() == {NUMBERS[0]: "CABC123"}, "The one that ended last."


def test_orders_that_end_in_the_same_moment_end_as_they_came(carrier: Carrier, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(order_seconds=10)
    for campaign in ("CZZZ000", "CAAA000", "CMMM000"):
        carrier.submit(_order(NUMBERS[0], campaign=campaign))
    simulator.clock.advance(3600)
    assert simulator.store.numbers() == {NUMBERS[0]: "CMMM000"}


def test_a_share_fails(carrier: Carrier, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(failures=0.3)
    report = carrier.submit(_order())
    assert 30 < len(report.failures) < 90
    assert {failure.kind.value for failure in report.failures.values()} == {
        "CARRIER_UNAVAILABLE", "NOT_CONFIGURED", "REJECTED",
    }  # fmt: skip
    assert set(simulator.store.numbers(limit=1000)) == set(NUMBERS) - set(report.failures)


def test_answers_are_lost_before_or_after(carrier: Carrier, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(lost=1)
    orders = [_order(number) for number in NUMBERS[:20]]
    for order in orders:
        with pytest.raises(CarrierUnavailable) as raised:
            carrier.submit(order)
        assert raised.value.was_sent
    simulator.faults = Faults()
    there = [order for order in orders if carrier.find(order) is not None]
    statistics = simulator.store.statistics()
    assert 0 < len(there) == statistics["lost_answers"] < 20
    assert statistics["lost_orders"] == 20 - len(there)


def test_errors_and_latency(carrier: Carrier, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(errors=1)
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(_order())
    assert raised.value.carrier_code == "503"
    simulator.faults = Faults(latency=0.2)
    started = time.monotonic()
    carrier.find(_order())
    assert time.monotonic() - started >= 0.2


def test_requests_in_one_second_are_limited(carrier: Carrier, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(requests_per_second=3)
    for _ in range(2):
        for _ in range(3):
            carrier.find(_order())
        with pytest.raises(CarrierUnavailable) as limited:
            carrier.find(_order())
        assert (limited.value.retry_after, limited.value.was_sent) == (1, False)
        simulator.clock.advance(1)
    assert simulator.store.statistics() == {"too_many_requests": 2}


def test_approvals_are_slow_or_decided(carrier: Carrier, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(approval_seconds=60)
    assert decision(carrier.campaign_status("CABC123")) == CampaignDecision.PENDING
    simulator.clock.advance(59)
    assert carrier.submit(_order(NUMBERS[0])).failures[NUMBERS[0]].kind == "CAMPAIGN_NOT_READY"
    simulator.clock.advance(1)
    assert decision(carrier.campaign_status("CABC123")) == CampaignDecision.APPROVED
    _http(simulator.url, "PUT", "/campaigns/CABC123", {"status": "SUSPENDED"})
    assert decision(carrier.campaign_status("CABC123")) == CampaignDecision.SUSPENDED


def test_a_clock_runs_unless_it_is_stopped() -> None:
    running, stopped = Clock(), Clock(stopped=True)
    before = running.now(), stopped.now()
    wait_until(lambda: running.now() > before[0], "the clock runs")
    assert stopped.now() == before[1]
    for clock in (running, stopped):
        clock.advance(3600)
    assert running.now() > before[0] + 3600
    assert stopped.now() == before[1] + 3600


def _body(**changes: object) -> dict[str, object]:
    return {"order_id": "x", "action": "attach", "campaign_id": "C", "numbers": ["+19195550100"], **changes}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/orders", b"{", 400),
        ("POST", "/orders", b"[]", 400),
        ("POST", "/orders", {}, 422),
        ("POST", "/orders", _body(order_id="x" * 41), 422),
        ("POST", "/orders", _body(action="steal"), 422),
        ("POST", "/orders", _body(campaign_id=None), 422),
        ("POST", "/orders", _body(action="detach"), 422),
        ("POST", "/orders", _body(numbers=[]), 422),
        ("POST", "/orders", _body(numbers=["911"]), 422),
        ("GET", "/orders/unknown", None, 404),
        ("GET", "/elsewhere", None, 404),
        ("GET", "/numbers?limit=x", None, 422),
        ("PUT", "/faults", {"failures": "many"}, 422),
        ("PUT", "/faults", {"failure": 1}, 422),
        ("PUT", "/faults", {"latency": -1}, 422),
        ("PUT", "/faults", b'{"latency": 1%s}' % (b"0" * 400), 422),
        ("PUT", "/clock", {}, 422),
        ("PUT", "/clock", {"advance": -1}, 422),
        ("PUT", "/clock", {"advance": "1"}, 422),
        ("PUT", "/campaigns/C", {"status": "FINE"}, 422),
        ("GET", "/faults", None, 200),
        ("GET", "/clock", None, 200),
        ("PUT", "/numbers/+19195550100", {"campaign_id": "C"}, 200),
        ("GET", "/orders-of-numbers", None, 200),
    ],
)  # fmt: skip
def test_bad_input_is_refused(simulator: SimulatorServer, method: str, path: str, body: object, status: int) -> None:
    assert _http(simulator.url, method, path, body)[0] == status
    assert "orders" not in simulator.store.statistics()


def test_its_memory_survives_a_crash(tmp_path: Path) -> None:
    """And it starts without Django."""
    data, order = tmp_path / "deep" / "carrier.sqlite3", _order()
    with _in_a_process_of_its_own(data) as url, closing(_adapter(url)) as carrier:
        assert carrier.submit(order).is_open
    with _in_a_process_of_its_own(data) as url, closing(_adapter(url)) as carrier:
        found = carrier.find(order)
        assert found is not None
        assert found.is_open
        _http(url, "PUT", "/clock", {"advance": 3600})
        found = carrier.find(order)
        assert found is not None
        assert not found.is_open
        _http(url, "PUT", f"/numbers/{NUMBERS[0]}", {"is_lost": True})
        _http(url, "PUT", "/campaigns/CABC123", {"status": "APPROVED", "networks": {"10017": "REJECTED"}})
    with _in_a_process_of_its_own(data) as url, closing(_adapter(url)) as carrier:
        assert dict(carrier.assignments(NUMBERS)) == {**dict.fromkeys(NUMBERS, "CABC123"), NUMBERS[0]: None}
        assert dict(carrier.holdings(NUMBERS[:2])) == {NUMBERS[0]: False, NUMBERS[1]: True}
        approval = carrier.campaign_status("CABC123")
        assert approval is not None
        assert approval.decision == CampaignDecision.REJECTED
        assert _http(url, "GET", "/statistics")[1] == {"orders": 1, "numbers": 200}


@contextmanager
def _in_a_process_of_its_own(data: Path) -> Iterator[str]:
    """Yield the CARRIER_URL of a carrier whose orders are open for an hour; kill -9 at the end."""
    command = [sys.executable, "-X", "importtime", "-m", "carriers.simulated"]
    command += ["--port", "0", "--data", str(data), "--order-seconds", "3600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()
        assert "django" not in process.communicate()[1]


def test_the_command_says_where_it_cannot_listen(simulator: SimulatorServer) -> None:
    with pytest.raises(CommandError, match=f"Cannot listen on 127.0.0.1:{simulator.port}"):
        call_command("simulate_carrier", "--port", str(simulator.port), stdout=StringIO())
