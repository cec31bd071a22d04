"""A simulated carrier over a real socket, and a worker that talks to it."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection
from pytest_django import Settings

from accounts.models import Scope
from campaigns.models import Campaign
from carriers.simulated.adapter import SimulatedCarrier
from carriers.simulated.faults import Clock
from carriers.simulated.server import SimulatorServer
from propagation.services import calling
from propagation.services.calling import RateLimiter
from tests.support.api import ApiClient
from tests.support.carrier_webhooks import CREDENTIALS, PRIVATE_KEY, Post
from tests.support.factories import make_key
from tests.support.fake_bandwidth import FakeBandwidth
from tests.support.fake_telnyx import FakeTelnyx
from tests.support.ports import closed_port
from tests.support.propagation import Worker
from tests.support.worlds import World


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """The carrier. Its clock moves only when a test moves it."""
    server = SimulatorServer(seed=1, clock=Clock(stopped=True))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def carrier(simulator: SimulatorServer) -> Iterator[SimulatedCarrier]:
    """The adapter."""
    carrier = SimulatedCarrier.from_url(urlsplit(simulator.url), pace=RateLimiter("default", 0).pace)
    yield carrier
    carrier.close()


@pytest.fixture
def worker(carrier: SimulatedCarrier, simulator: SimulatorServer, settings: Settings) -> Worker:
    """A worker that believes "no such order" at once."""
    settings.PROPAGATION_SETTLE_SECONDS = 0
    return Worker(carrier, clock=simulator.clock)


@pytest.fixture
def unreachable() -> Iterator[Worker]:
    """A worker whose carrier refuses every connection."""
    with closed_port() as port:
        carrier = SimulatedCarrier.from_url(urlsplit(f"simulated://127.0.0.1:{port}"), pace=lambda: None)
        yield Worker(carrier)
        carrier.close()


@pytest.fixture
def chosen(simulator: SimulatorServer, settings: Settings) -> Iterator[SimulatorServer]:
    """The carrier that tasks and commands find in the settings."""
    settings.CARRIERS = {"default": simulator.url}
    caches = (calling.carrier_of, calling.rate_limiter_of)
    for cached in caches:
        cached.cache_clear()
    yield simulator
    calling.carrier_of("default").close()
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def post(settings: Settings) -> Post:
    """Both webhooks are on."""
    settings.CARRIER_WEBHOOK_CREDENTIALS = CREDENTIALS
    # That of another account too.
    keys = (Ed25519PrivateKey.generate(), PRIVATE_KEY)
    settings.TELNYX_PUBLIC_KEY = [key.public_key().public_bytes_raw() for key in keys]
    return Post()


@pytest.fixture
def world(transactional_db: None) -> World:
    """As everywhere, with TCR ids, and committed: services are durable here."""
    world = World()
    for index, campaign in enumerate((world.campaign, world.other_campaign, world.stranger.campaign)):
        campaign.tcr_campaign_id = tcr_id(index)
        campaign.save()
    return world


@pytest.fixture
def fakes(settings: Settings, world: World) -> Iterator[dict[str, FakeBandwidth | FakeTelnyx]]:
    """Both carriers, as accounts of these names."""
    bandwidth, telnyx = FakeBandwidth("2"), FakeTelnyx()
    for index in range(2):
        bandwidth.registered[f"C00000{index}"] = "ACTIVE"
        telnyx.add_campaign(f"C00000{index}")
    settings.CARRIERS = {"bandwidth": bandwidth.url, "telnyx": telnyx.url}
    settings.PROPAGATION_SETTLE_SECONDS = 0
    settings.CARRIER_REQUESTS_PER_SECOND = 0
    for cached in (calling.carrier_of, calling.rate_limiter_of):
        cached.cache_clear()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    yield {"bandwidth": bandwidth, "telnyx": telnyx}
    for account in settings.CARRIERS:
        calling.carrier_of(account).close()
    for cached in (calling.carrier_of, calling.rate_limiter_of):
        cached.cache_clear()
    bandwidth.stop()
    telnyx.stop()


@pytest.fixture
def reader(world: World) -> ApiClient:
    """A client that may read what there is to read, and attach."""
    scopes = [Scope.NUMBERS_READ, Scope.NUMBERS_WRITE, Scope.CAMPAIGNS_READ]
    return ApiClient(make_key(world.organization, *scopes)[1])


def tcr_id(index: int) -> str:
    """A TCR campaign id."""
    return f"C{index:06d}"


def at_carrier(simulator: SimulatorServer) -> dict[str, str]:
    """The carrier's own list."""
    return simulator.store.numbers()


def tcr(campaign: Campaign) -> str:
    """The campaign's TCR id, which it has."""
    assert campaign.tcr_campaign_id is not None
    return campaign.tcr_campaign_id
