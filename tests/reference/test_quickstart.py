"""The examples of the reference page, run as a reader runs them, against a live server with a thousand numbers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from accounts.models import Organization, Scope
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from tests.support.factories import CampaignFactory, make_key
from tests.support.typescript import ROOT, tool
from tests.support.worlds import World

EXAMPLES = ROOT / "agentmessage" / "static" / "reference" / "examples"
# The one local number without a campaign, in the order of their creation.
FREE = 950
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def environment(live_server: LiveServer) -> dict[str, str]:
    """A thousand numbers. The newest local one is live, as is all that the others have but the oldest."""
    world = World()
    organization: Organization = world.organization
    organization.phone_numbers.all().delete()
    CampaignFactory.create(brand__organization=organization, brand__identity_status=None)
    live = {
        "campaign": world.campaign,
        "carrier_line_option_status": "propagated",
        "carrier_line_option_propagated_at": timezone.now(),
    }
    PhoneNumber.objects.bulk_create(
        PhoneNumber(
            organization=organization,
            number=f"+1303{2_000_000 + index}",
            state=NumberState.ASSIGNED,
            **({} if index == FREE else live),
        )
        for index in range(999)
    )
    PhoneNumber.objects.create(
        organization=organization, number="+18332000000", number_type="toll_free", state=NumberState.ASSIGNED
    )
    _key, plain = make_key(
        organization, Scope.NUMBERS_READ, Scope.NUMBERS_WRITE, Scope.CAMPAIGNS_READ, Scope.BRANDS_READ
    )
    return os.environ | {"AGENTMESSAGE_URL": live_server.url, "AGENTMESSAGE_KEY": plain}


def _run(command: list[str | Path], environment: dict[str, str], cwd: Path | None = None) -> list[str]:
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, cwd=cwd)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def _free() -> PhoneNumber:
    return PhoneNumber.objects.get(number=f"+1303{2_000_000 + FREE}")


def _assert_nothing_was_harmed() -> None:
    """One number was attached and detached again; nothing was written about any other."""
    attached, detached = CampaignAttachment.objects.order_by("created_at")
    number = _free()
    assert attached.phone_number_id == detached.phone_number_id == number.id
    assert attached.campaign_id is not None
    assert (detached.campaign_id, detached.previous_campaign_id) == (None, attached.campaign_id)
    assert number.campaign_id is None
    assert PhoneNumber.objects.filter(carrier_line_option_status="propagated").count() == 998


def _assert_done(lines: list[str]) -> None:
    number = _free().number
    newest = PhoneNumber.objects.latest("created_at", "id")
    assert lines[0].startswith(f"1000 numbers, the newest: {newest.number}, ")
    assert lines[1].startswith(f"{number} sends under Campaign ")
    assert lines[1].endswith(": pending")
    assert ", 0 attempts, failure: " in lines[2]
    assert lines[3:] == [f"{number} sends under no campaign, as before: removing", "paged through 1000 numbers"]
    _assert_nothing_was_harmed()


def test_python(environment: dict[str, str]) -> None:
    _assert_done(_run([sys.executable, EXAMPLES / "quickstart.py"], environment))


def test_typescript(environment: dict[str, str], tmp_path: Path) -> None:
    """By the commands that it prints, whether this Node knows TypeScript or not."""
    node = shutil.which("node")
    modules = Path(tool("tsc")).parents[1]
    assert node is not None
    if int(subprocess.check_output([node, "--version"], text=True).lstrip("v").split(".")[0]) < 20:
        pytest.skip("needs Node 20 or newer")
    source = (EXAMPLES / "quickstart.mts").read_text().replace("http://127.0.0.1:8000", environment["AGENTMESSAGE_URL"])
    (tmp_path / "quickstart.mts").write_text(source)
    # npx takes the pinned compiler from here instead of the registry.
    (tmp_path / "node_modules").symlink_to(modules)
    commands = [line.removeprefix("//   ") for line in source.splitlines() if line.startswith("//   ")]
    assert len(commands) == 2
    _assert_done(_run(["bash", "-ec", "\n".join(commands)], environment, tmp_path))


def _curl(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Each of its lines, with the reader's address, key and campaign in place of those of the demo."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("needs curl and bash")
    newest = PhoneNumber.objects.select_related("organization").latest("created_at", "id")
    assert newest.organization is not None
    campaign = newest.organization.campaigns.filter(brand__identity_status="VERIFIED").earliest("created_at")
    script = (EXAMPLES / "quickstart.sh").read_text()
    kept = [line for line in script.splitlines() if not line.startswith(("export ", "campaign="))]
    kept.insert(0, f'set -eu; campaign="{campaign.id}"')
    script = "\n".join(kept).replace("curl -s", "curl -sS --fail-with-body")
    return subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=120)


def test_curl(environment: dict[str, str]) -> None:
    ended = _curl(environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    answers = ended.stdout.splitlines()
    # Each answer on a line of its own.
    assert [line.startswith('{"success":true,') for line in answers] == [True] * 2 + [False] + [True] * 5
    assert answers[2] == f"number: {_free().id}"
    _assert_nothing_was_harmed()


def test_nothing_is_done_without_a_free_number(environment: dict[str, str]) -> None:
    _free().delete()
    python = subprocess.run(
        [sys.executable, EXAMPLES / "quickstart.py"], env=environment, capture_output=True, text=True, timeout=120
    )
    curl = _curl(environment)
    for ended in (python, curl):
        assert ended.returncode != 0
        assert "very local number has a campaign" in ended.stderr
    assert not CampaignAttachment.objects.exists()
