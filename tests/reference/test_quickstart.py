"""The examples of the reference page, run as a reader runs them, against a live server with a thousand numbers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from accounts.models import Organization
from accounts.scopes import Scope
from agentmessage.api.document import TYPES
from phone_numbers.models import CampaignAttachment, NumberState, PhoneNumber
from tests.support.factories import BrandFactory, CampaignFactory, make_key
from tests.support.typescript import ROOT, TOOLS, tool
from tests.support.worlds import World

EXAMPLES = ROOT / "agentmessage" / "static" / "reference" / "examples"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def environment(live_server: LiveServer) -> dict[str, str]:
    """A thousand numbers, the last of them the newest, and campaigns of which only one can take them."""
    organization: Organization = World().organization
    organization.phone_numbers.all().delete()
    CampaignFactory.create(
        organization=organization, brand=BrandFactory.create(organization=organization, identity_status=None)
    )
    PhoneNumber.objects.bulk_create(
        PhoneNumber(organization=organization, number=f"+1303{2_000_000 + index}", state=NumberState.ASSIGNED)
        for index in range(1000)
    )
    _key, plain = make_key(
        organization, Scope.NUMBERS_READ, Scope.NUMBERS_WRITE, Scope.CAMPAIGNS_READ, Scope.BRANDS_READ
    )
    return os.environ | {"AGENTMESSAGE_URL": live_server.url, "AGENTMESSAGE_KEY": plain}


def _run(command: list[str | Path], environment: dict[str, str]) -> list[str]:
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def _assert_done(lines: list[str]) -> None:
    newest = PhoneNumber.objects.latest("created_at", "id")
    assert lines[0].startswith(f"1000 numbers, the newest: {newest.number}, ")
    assert lines[1].startswith(f"{newest.number} sends under Campaign ")
    assert lines[1].endswith(": pending")
    assert ", 0 attempts, failure: " in lines[2]
    assert lines[3:] == [f"{newest.number} sends under no campaign: removing", "paged through 1000 numbers"]
    attached, detached = CampaignAttachment.objects.filter(phone_number=newest).order_by("created_at")
    assert attached.campaign_id is not None
    assert (detached.campaign_id, detached.previous_campaign_id) == (None, attached.campaign_id)


def test_python(environment: dict[str, str]) -> None:
    _assert_done(_run([sys.executable, EXAMPLES / "quickstart.py"], environment))


def test_typescript(environment: dict[str, str], tmp_path: Path) -> None:
    compiler, node = tool("tsc"), shutil.which("node")
    assert node is not None
    if int(subprocess.check_output([node, "--version"], text=True).lstrip("v").split(".")[0]) < 18:
        pytest.skip("needs Node 18 or newer, which has fetch")
    shutil.copy(EXAMPLES / "quickstart.ts", tmp_path)
    shutil.copy(TYPES, tmp_path / "agentmessage.d.ts")
    shutil.copy(TOOLS / "tsconfig.json", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    subprocess.run([compiler, "-p", tmp_path], check=True, capture_output=True, timeout=120)
    _assert_done(_run([node, tmp_path / "quickstart.js"], environment))


def test_curl(environment: dict[str, str]) -> None:
    """Each of its lines, with the reader's address, key, number and campaign in place of those of the demo."""
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("needs curl and bash")
    newest = PhoneNumber.objects.latest("created_at", "id")
    assert newest.organization is not None
    campaign = newest.organization.campaigns.filter(brand__identity_status="VERIFIED").first()
    assert campaign is not None
    script = (EXAMPLES / "quickstart.sh").read_text()
    kept = [line for line in script.splitlines() if not line.startswith(("export ", "number=", "campaign="))]
    kept.insert(0, f'set -euo pipefail; number="{newest.id}"; campaign="{campaign.id}"')
    script = "\n".join(kept).replace("curl -s", "curl -sS --fail-with-body")
    output = "\n".join(_run(["bash", "-c", script], environment))
    assert output.count('"success":true') == 7
    history = CampaignAttachment.objects.filter(phone_number=newest).order_by("created_at")
    assert [entry.campaign_id for entry in history] == [campaign.id, None]
