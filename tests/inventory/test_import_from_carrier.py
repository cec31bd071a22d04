"""`manage.py import_from_carrier`, against Telnyx and Bandwidth."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from pytest_django import Settings

from accounts.actors import ActorKind
from accounts.models import Organization
from brands.models import Brand
from campaigns.models import Campaign
from inventory.models import CarrierPage
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from propagation.services import calling, reading
from tests.support.factories import CampaignFactory, OrganizationFactory, PhoneNumberFactory
from tests.support.fake_bandwidth import FakeBandwidth
from tests.support.fake_telnyx import BRAND, TCR_BRAND, FakeTelnyx
from tests.support.inventories import NOTHING, all_rows
from tests.support.propagation import Worker, attach, hurry
from tests.support.serving import Call, Fault, foreign
from tests.support.worlds import World

pytestmark = pytest.mark.django_db(transaction=True)

PROPAGATED = "propagated"
OURS, OTHERS = "BBRAND1", "BBRAND2"
ON_ONE = [f"+1312555{index:04d}" for index in range(600)]
ON_TWO = [f"+1312556{index:04d}" for index in range(20)]
ON_NONE = [f"+1312557{index:04d}" for index in range(30)]
OF_OTHERS = [f"+1312558{index:04d}" for index in range(10)]
LIMITED = foreign(429, headers={"Retry-After": "7"})


class Telnyx(FakeTelnyx):
    """The account. The second brand's campaign is shared with Telnyx, so is not among Telnyx's own."""

    list_path = "/v2/10dlc/phone_number_campaigns"

    def __init__(self) -> None:
        super().__init__()
        self.ids = {one: self.add_campaign(one) for one in ("CONE001", "CTWO001")}
        self.ids["CTHREE1"] = self.add_campaign("CTHREE1", is_shared=True, tcr_brand_id=OTHERS)
        self.page_limit = 250
        self.numbers = set(ON_NONE)

    def has(self, number: str, campaign: str, *, is_ready: bool = True) -> None:
        """The number is on the campaign, or on its way."""
        self.put(number, self.ids[campaign], "ASSIGNED" if is_ready else "PENDING_ASSIGNMENT")

    def frees(self, number: str) -> None:
        """The number leaves its campaign."""
        with self._lock:
            del self.records[number]
            self.numbers.add(number)


class Bandwidth(FakeBandwidth):
    """The account."""

    list_path = "/api/v2/accounts/5500012/tendlc/phoneNumbers"

    def __init__(self) -> None:
        super().__init__("2")
        self.brands[OTHERS] = "VERIFIED"
        self.brand_of["CTHREE1"] = OTHERS
        self.registered = dict.fromkeys(("CONE001", "CTWO001", "CTHREE1"), "ACTIVE")
        self.unassigned = set(ON_NONE)

    def has(self, number: str, campaign: str, *, is_ready: bool = True) -> None:
        """The number is on the campaign, or on its way."""
        self.campaigns[number] = campaign
        self.registrations[number] = "SUCCESS" if is_ready else "PROCESSING"

    def frees(self, number: str) -> None:
        """The number leaves its campaign."""
        del self.campaigns[number]
        self.unassigned.add(number)


Account = Telnyx | Bandwidth


@pytest.fixture(params=[Telnyx, Bandwidth])
def account(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The only account in the settings. Nothing waits for its rate limit, pauses included."""
    fake: Account = request.param()
    for numbers, campaign in ((ON_ONE, "CONE001"), (ON_TWO, "CTWO001"), (OF_OTHERS, "CTHREE1")):
        for number in numbers:
            fake.has(number, campaign)
    settings.CARRIERS = {"main": fake.url}
    settings.CARRIER_REQUESTS_PER_SECOND = 0
    monkeypatch.setattr(reading, "sleep", lambda _seconds: hurry())
    caches = (calling.carrier_of, calling.rate_limiter_of)
    for cached in caches:
        cached.cache_clear()
    yield fake
    calling.carrier_of("main").close()
    for cached in caches:
        cached.cache_clear()
    fake.stop()


def _run(*words: str) -> tuple[str, int]:
    """What the command writes, and its exit code."""
    out, code = StringIO(), 0
    try:
        call_command("import_from_carrier", "--organization", "acme", *words, stdout=out, verbosity=0)
    except SystemExit as exit_:
        code = int(str(exit_.code))
    return out.getvalue(), code


def _import(*words: str) -> dict[str, Any]:
    """The report, as JSON."""
    written, code = _run("--brand", OURS, "--json", *words)
    report: dict[str, Any] = json.loads(written)
    assert code == bool(report["conflicts"])
    return report


def _attached() -> dict[str, str | None]:
    """The TCR ID of each number's campaign."""
    attached = PhoneNumber.objects.filter(campaign__isnull=False)
    return dict(attached.values_list("number", "campaign__tcr_campaign_id"))


def _lists(account: Account) -> int:
    """How many pages of numbers on campaigns were asked for."""
    return sum(call.path == account.list_path for call in account.calls)


def test_without_a_brand_the_brands_are_listed_and_nothing_else_happens(account: Account) -> None:
    other = OrganizationFactory.create(slug="umbrella")
    Brand.objects.create(organization=other, name="Umbrella", tcr_brand_id=OTHERS)
    rows = all_rows()
    written, code = _run()
    assert code == 0
    assert [line.split()[0] for line in written.splitlines()] == [OURS, OTHERS, "2"]
    assert f"VERIFIED         Brand {OURS}" in written
    assert "in umbrella" in written.splitlines()[1]
    listed = json.loads(_run("--json")[0])["brands"]
    assert [(one["tcr_brand_id"], one["organization"]) for one in listed] == [(OURS, None), (OTHERS, "umbrella")]
    assert all_rows() == rows
    assert not _lists(account)


def test_an_import_stores_what_the_account_has_and_sends_nothing(account: Account) -> None:
    report = _import()
    assert report["phone_numbers"] == {"created": 620, "updated": 0, "unchanged": 0}
    assert (report["attached"], report["conflicts"]) == (620, [])
    acme = Organization.objects.get()
    assert (acme.slug, acme.name) == ("acme", f"Brand {OURS}")
    brand = Brand.objects.get()
    assert (brand.tcr_brand_id, brand.identity_status) == (OURS, "VERIFIED")
    campaigns = Campaign.objects.values_list("tcr_campaign_id", "status", "carrier_status", "usecase", "brand")
    assert set(campaigns) == {(one, "ACTIVE", "APPROVED", "MIXED", brand.id) for one in ("CONE001", "CTWO001")}
    assert _attached() == dict.fromkeys(ON_ONE, "CONE001") | dict.fromkeys(ON_TWO, "CTWO001")
    numbers = PhoneNumber.objects.filter(
        organization=acme,
        state="ASSIGNED",
        number_type="local",
        carrier="main",
        carrier_line_option_status="propagated",
    )
    assert numbers.count() == 620
    entries = CampaignAttachment.objects.filter(
        actor_kind=ActorKind.IMPORT,
        actor_id="main",
        status=PROPAGATED,
        next_attempt_at__isnull=True,
        propagated_at=F("created_at"),
    )
    assert entries.count() == 620
    worker = Worker(calling.carrier_of("main"))
    worker.settle()
    assert {call.method for call in account.calls if not call.path.endswith("/token")} == {"GET"}


def test_importing_again_changes_nothing(account: Account) -> None:
    _import()
    rows = all_rows()
    report = _import()
    assert report["phone_numbers"] == {"created": 0, "updated": 0, "unchanged": 620}
    assert (report["brands"]["unchanged"], report["campaigns"]["unchanged"], report["attached"]) == (1, 2, 0)
    assert all_rows() == rows
    assert not CarrierPage.objects.exists()


def test_the_words_say_the_same_as_the_object(account: Account) -> None:
    written, code = _run("--brand", OURS)
    assert code == 0
    assert [line.split() for line in written.splitlines()[:4]] == [
        ["new", "changed", "unchanged"],
        ["brands", "1", "0", "0"],
        ["campaigns", "2", "0", "0"],
        ["phone", "numbers", "620", "0", "0"],
    ]
    assert "620 numbers are on a campaign at the carrier already" in written
    assert "left: 10 numbers of other brands or organizations" in written


@pytest.mark.parametrize("words", [("--with-unassigned",), ("--brand", OTHERS)])
def test_numbers_on_no_campaign_come_along_if_asked_for_or_if_all_brands_do(
    account: Account, words: tuple[str, ...]
) -> None:
    _import(*words)
    free = PhoneNumber.objects.filter(campaign__isnull=True, carrier_line_option_status__isnull=True)
    assert set(free.values_list("number", flat=True)) == set(ON_NONE)
    assert set(_attached()) == {*ON_ONE, *ON_TWO, *(OF_OTHERS if OTHERS in words else ())}


def test_a_dry_run_writes_nothing_and_saves_the_import_its_reading(account: Account) -> None:
    shown = _import("--dry-run")
    assert all_rows() == NOTHING
    pages = _lists(account)
    assert pages > 1
    assert _import() == shown | {"dry_run": False}
    assert _lists(account) == pages
    CarrierPage.objects.update(read_at=F("read_at") - timedelta(hours=1))
    _import()
    assert _lists(account) == 2 * pages


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", LIMITED, times=2),
        Fault("GET"),
        Fault("GET", acts=True, times=2),
        Fault("GET", foreign(503, b"<html>", {"Content-Type": "text/html"})),
        Fault("GET", foreign(200, b'{"records": [', {"Content-Type": "application/json"})),
    ],
    ids=["429", "cut", "lost", "outage", "half"],
)
@pytest.mark.parametrize("behind", [0, 4])
def test_a_fault_costs_a_repetition(account: Account, fault: Fault, behind: int) -> None:
    """Right away, and in the middle of the pages."""

    def breaks(_call: Call) -> None:
        if len(account.calls) == behind + 1:
            account.faults.append(fault)

    account.on_call = breaks
    _import()
    assert fault.times == 0
    assert len(_attached()) == 620


def test_an_import_that_was_interrupted_continues(account: Account) -> None:
    def breaks(call: Call) -> None:
        if call.path == account.list_path and _lists(account) == 2:
            account.faults.append(Fault("GET", times=3))

    account.on_call = breaks
    with pytest.raises(CommandError, match=r"Nothing was changed. Run it again to continue\."):
        _import()
    assert all_rows() == NOTHING
    account.on_call = None
    account.calls.clear()
    _import()
    queries = [call.query for call in account.calls if call.path == account.list_path]
    assert queries[0].get("page", queries[0].get("offset")) in ("3", "500"), "The first page that is not kept."
    assert len(_attached()) == 620


def test_a_list_that_changes_while_it_is_read_is_read_again(account: Account) -> None:
    """The first number leaves after the first page, so a number slips from the second one onto none."""

    def leaves(call: Call) -> None:
        if call.path == account.list_path and _lists(account) == 1:
            account.frees(ON_ONE[0])
            if isinstance(account, Bandwidth):
                account.unassigned.discard(ON_ONE[0])

    account.on_call = leaves
    _import()
    assert set(_attached()) == {*ON_ONE[1:], *ON_TWO}


def test_a_list_that_never_stays_the_same_is_not_imported(account: Account) -> None:
    def grows(call: Call) -> None:
        if call.path == account.list_path:
            account.has(f"+1312559{len(account.calls):04d}", "CONE001")

    account.on_call = grows
    with pytest.raises(CommandError, match=r"changed while it was read, 3 times in a row\. Nothing was changed"):
        _import()
    assert all_rows() == NOTHING


def test_rows_in_conflict_are_left_and_the_others_imported(account: Account) -> None:
    _import()
    stranger = PhoneNumberFactory.create(number=OF_OTHERS[0], carrier="main")
    one, two = PhoneNumber.objects.filter(number__in=ON_ONE[:2]).order_by("number")
    attach(one, Campaign.objects.get(tcr_campaign_id="CTWO001"))
    account.frees(two.number)
    account.has(stranger.number, "CONE001")
    account.has("+13125550999", "CONE001", is_ready=False)
    account.has("+13125550998", "CONE001")
    rows = all_rows()
    report = _import("--dry-run")
    assert all_rows() == rows
    assert {one["name"]: one["reason"] for one in report["conflicts"]} == {
        one.number: "on another campaign here than at the carrier; see reconcile_carrier",
        stranger.number: "a number of another organization here",
        "+13125550999": "on its way at the carrier; import again once it has arrived",
    }
    report = _import("--with-unassigned")
    assert {one["name"] for one in report["conflicts"]} >= {two.number}
    assert _attached()["+13125550998"] == "CONE001"
    assert {number: _attached()[number] for number in (one.number, two.number)} == {
        one.number: "CTWO001",
        two.number: "CONE001",
    }
    assert not PhoneNumber.objects.filter(number="+13125550999").exists()


def test_a_number_in_stock_is_taken_with_its_campaign_only(account: Account) -> None:
    for number in (ON_ONE[0], ON_NONE[0]):
        PhoneNumberFactory.create(number=number, in_stock=True, carrier="main")
    quarantined = PhoneNumberFactory.create(number=ON_ONE[1], quarantined=True, organization=None)
    PhoneNumber.objects.update(carrier="main")
    report = _import("--with-unassigned")
    assert report["conflicts"] == [{"kind": "number", "name": quarantined.number, "reason": "QUARANTINED here"}]
    taken, kept = PhoneNumber.objects.filter(number__in=(ON_ONE[0], ON_NONE[0])).order_by("number")
    assert (taken.state, taken.carrier_line_option_status) == (NumberState.ASSIGNED, "propagated")
    assert (kept.state, kept.organization_id) == (NumberState.AVAILABLE, None)


def test_what_was_changed_here_since_the_carrier_was_read_is_left(account: Account) -> None:
    """Its detach may be the reason for a number without a campaign."""
    _import("--dry-run")
    acme = OrganizationFactory.create(slug="acme")
    number = PhoneNumberFactory.create(number=ON_ONE[0], organization=acme, carrier="main")
    report = _import()
    reason = "changed here since the carrier was read; import again"
    assert report["conflicts"] == [{"kind": "number", "name": number.number, "reason": reason}]
    assert _import()["conflicts"] == []
    assert _attached()[number.number] == "CONE001"


def test_names_that_were_given_here_are_kept(account: Account) -> None:
    _import()
    for model in (Organization, Brand, Campaign):
        model.objects.update(name="Ours")
    Campaign.objects.update(status="PENDING", carrier_status="PENDING")
    report = _import()
    assert (report["brands"]["updated"], report["campaigns"]["updated"]) == (0, 2)
    assert set(Campaign.objects.values_list("name", "status", "carrier_status")) == {("Ours", "ACTIVE", "APPROVED")}
    assert Organization.objects.get().name == Brand.objects.get().name == "Ours"


def test_a_brand_of_another_organization_or_account_is_refused(account: Account) -> None:
    Brand.objects.create(organization=OrganizationFactory.create(slug="umbrella"), name="-", tcr_brand_id=OTHERS)
    rows = all_rows()
    with pytest.raises(CommandError, match=rf"^{OTHERS} is a brand of the organization umbrella\. Nothing was changed"):
        _run("--brand", OURS, "--brand", OTHERS)
    with pytest.raises(CommandError, match=r"^The account has no brand BNONE01\."):
        _run("--brand", "BNONE01")
    assert all_rows() == rows


def test_a_campaign_of_another_brand_here_is_left_with_its_numbers(account: Account, world: World) -> None:
    acme = OrganizationFactory.create(slug="acme")
    other = Brand.objects.create(organization=acme, name="Other")
    CampaignFactory.create(organization=acme, brand=other, tcr_campaign_id="CTWO001")
    report = _import()
    assert [one["name"] for one in report["conflicts"]] == ["CTWO001"]
    assert set(_attached()) == set(ON_ONE)


def test_a_carrier_without_lists_says_what_has_them(account: Account) -> None:
    if isinstance(account, Telnyx):
        account.next_replies = [foreign(403, b'{"errors": [{"code": "10010", "title": "No"}]}')]
        with pytest.raises(CommandError, match=r"^No Nothing was changed"):
            _import()
    else:
        account.may_list = False
        with pytest.raises(CommandError, match=r"Bandwidth's version 2 for accounts with the campaign management role"):
            _import()


@pytest.mark.parametrize("slug", ["Acme", "-acme", "a" * 64, ""])
def test_a_slug_that_no_organization_can_have_is_refused(slug: str) -> None:
    with pytest.raises(CommandError, match=r"must be 1 to 63 of a-z, 0-9 and -, not starting with -"):
        call_command("import_from_carrier", f"--organization={slug}")


@pytest.mark.parametrize("account", [Telnyx], indirect=True)
@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"campaignStatus": "TCR_PENDING"}, ("PENDING", "PENDING", None)),
        ({"campaignStatus": "MNO_PENDING"}, ("ACTIVE", "PENDING", None)),
        ({"campaignStatus": "MNO_REJECTED"}, ("ACTIVE", "REJECTED", None)),
        ({"campaignStatus": "TCR_FAILED"}, ("REJECTED", "REJECTED", None)),
        ({"campaignStatus": "TCR_SUSPENDED"}, ("ACTIVE", "SUSPENDED", None)),
        ({"campaignStatus": "TCR_EXPIRED"}, ("EXPIRED", "SUSPENDED", None)),
        ({"status": "EXPIRED"}, ("EXPIRED", "APPROVED", None)),
        (
            {"nextRenewalOrExpirationDate": "2027-01-31", "autoRenewal": False},
            ("ACTIVE", "APPROVED", date(2027, 1, 31)),
        ),
        ({"nextRenewalOrExpirationDate": "2027-01-31", "autoRenewal": True}, ("ACTIVE", "APPROVED", None)),
        ({"nextRenewalOrExpirationDate": "2027-01-31"}, ("ACTIVE", "APPROVED", None)),
    ],
)
def test_what_telnyx_says_of_a_campaign(
    account: Telnyx, changes: dict[str, Any], wanted: tuple[str, str, date | None]
) -> None:
    account.campaigns[account.ids["CONE001"]] |= changes
    _import()
    campaign = Campaign.objects.get(tcr_campaign_id="CONE001")
    assert (campaign.status, campaign.carrier_status, campaign.expiration_date) == wanted


@pytest.mark.parametrize("account", [Telnyx], indirect=True)
@pytest.mark.parametrize("changes", [{"campaignStatus": "TCR_NEW"}, {"usecase": "KITES"}, {"usecase": None}])
def test_a_campaign_that_cannot_be_understood_is_left_with_its_numbers(
    account: Telnyx, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    account.campaigns[account.ids["CONE001"]] |= changes
    report = _import()
    account.violations.clear()
    assert [one["name"] for one in report["conflicts"]] == ["CONE001"]
    assert set(_attached()) == set(ON_TWO)


@pytest.mark.parametrize("account", [Telnyx], indirect=True)
def test_a_record_that_cannot_be_read_keeps_numbers_on_no_campaign_out(account: Telnyx) -> None:
    account.records[ON_ONE[0]]["campaignId"] = ""
    account.tells_tcr_ids = False
    report = _import("--with-unassigned")
    assert (report["unreadable"], report["unassigned"]) == (1, 31)
    assert len(_attached()) == 619


@pytest.mark.parametrize("account", [Telnyx], indirect=True)
def test_telnyx_may_name_campaigns_by_its_own_ids_only(account: Telnyx) -> None:
    account.tells_tcr_ids = account.takes_tcr_ids = False
    _import("--brand", OTHERS)
    assert len(_attached()) == 630
    assert account.brands == {TCR_BRAND: BRAND}


def test_a_simulated_carrier_has_no_lists(settings: Settings) -> None:
    settings.CARRIERS = {"default": "simulated://"}
    calling.carrier_of.cache_clear()
    with pytest.raises(CommandError, match=r"^The carrier has no lists of brands and numbers for this account"):
        _import()
    calling.carrier_of.cache_clear()
