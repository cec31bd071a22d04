"""The simulated carrier: as unpleasant as asked for, and honest about what it has done."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from carriers.base import CampaignDecision, Carrier, CarrierUnavailable, OrderAction, OrderRequest
from carriers.choose import build_carrier
from carriers.simulated.faults import Faults
from carriers.simulated.server import SimulatorServer

NUMBERS = tuple(f"+1919555{n:04d}" for n in range(200))


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    server = SimulatorServer(seed=3)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def carrier(simulator: SimulatorServer) -> Iterator[Carrier]:
    carrier = build_carrier(simulator.url, pace=lambda: None)
    yield carrier
    carrier.close()


def _order(*numbers: str, campaign: str | None = "CABC123") -> OrderRequest:
    action = OrderAction.DETACH if campaign is None else OrderAction.ATTACH
    return OrderRequest(str(uuid4()), action, campaign, numbers or NUMBERS)


def _http(server: SimulatorServer, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", content, method=method)
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
    simulator.faults = Faults(order_seconds=0.3)
    slow = _order(NUMBERS[0])
    assert carrier.submit(slow).is_open
    simulator.faults = Faults(order_seconds=0.1)
    carrier.submit(_order(NUMBERS[0], campaign="CFAST00"))
    assert simulator.store.numbers() == {}
    time.sleep(0.4)
    assert simulator.store.numbers() == {NUMBERS[0]: "CABC123"}, "The one that ended last."
    found = carrier.find(slow)
    assert found is not None
    assert not found.is_open


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


def test_errors_latency_and_rates(carrier: Carrier, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(errors=1)
    with pytest.raises(CarrierUnavailable) as raised:
        carrier.submit(_order())
    assert raised.value.carrier_code == "503"
    simulator.faults = Faults(latency=0.2)
    started = time.monotonic()
    carrier.find(_order())
    assert time.monotonic() - started >= 0.2
    simulator.faults = Faults(requests_per_second=3)
    with pytest.raises(CarrierUnavailable) as limited:
        list(map(carrier.find, [_order()] * 10))
    assert (limited.value.retry_after, limited.value.was_sent) == (1, False)


def test_approvals_are_slow_or_decided(carrier: Carrier, simulator: SimulatorServer) -> None:
    simulator.faults = Faults(approval_seconds=0.2)
    assert carrier.campaign_status("CABC123") == CampaignDecision.PENDING
    assert carrier.submit(_order(NUMBERS[0])).failures[NUMBERS[0]].kind == "CAMPAIGN_NOT_READY"
    time.sleep(0.25)
    assert carrier.campaign_status("CABC123") == CampaignDecision.APPROVED
    _http(simulator, "PUT", "/campaigns/CABC123", {"status": "SUSPENDED"})
    assert carrier.campaign_status("CABC123") == CampaignDecision.SUSPENDED


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
        ("PUT", "/campaigns/C", {"status": "FINE"}, 422),
        ("GET", "/faults", None, 200),
        ("PUT", "/numbers/+19195550100", {"campaign_id": "C"}, 200),
        ("GET", "/orders-of-numbers", None, 200),
    ],
)  # fmt: skip
def test_bad_input_is_refused(simulator: SimulatorServer, method: str, path: str, body: object, status: int) -> None:
    assert _http(simulator, method, path, body)[0] == status
    assert "orders" not in simulator.store.statistics()


def test_its_memory_survives_a_crash(tmp_path: Path) -> None:
    """And it starts without Django."""
    data, port = tmp_path / "deep" / "carrier.sqlite3", _free_port()
    command = [sys.executable, "-X", "importtime", "-m", "carriers.simulated"]
    command += ["--port", str(port), "--data", str(data), "--order-seconds", "0.1"]
    carrier = build_carrier(f"simulated://127.0.0.1:{port}", pace=lambda: None)
    order = _order()
    for _ in range(2):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        _until_it_answers(port)
        if carrier.find(order) is None:
            carrier.submit(order)
        process.kill()
        assert "django" not in process.communicate()[1]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True)
    _until_it_answers(port)
    assert len(dict(carrier.assignments(NUMBERS))) == 200
    found = carrier.find(order)
    assert found is not None
    assert not found.is_open
    process.kill()
    process.wait()
    carrier.close()


def test_the_command_says_where_it_cannot_listen(simulator: SimulatorServer) -> None:
    with pytest.raises(CommandError, match=f"Cannot listen on 127.0.0.1:{simulator.port}"):
        call_command("simulate_carrier", "--port", str(simulator.port), stdout=StringIO())


def _free_port() -> int:
    server = SimulatorServer()
    server._server.server_close()
    server.store.close()
    return server.port


def _until_it_answers(port: int) -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/faults"):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("It does not answer.")
