"""`make screenshots`: run the demo, let a few numbers fail, and take the pictures of docs/img/.

With a folder as argument, it takes those of a narrow window as well, into that folder.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from devserver.processes import free_port
from tests.support.browser import launched, new_page, sign_in_at
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
# Of the demo: its login, a number, a campaign that takes numbers, and numbers without one.
LOGIN = "demo"
NUMBER_ID = "497f6eca-6276-4993-bfeb-53cbbbba6f08"
CAMPAIGN_ID = "78614b6c-fe7c-41e2-8e25-c9b3a3c91904"
FAILING = [f"a0000000-0000-4000-8000-00000000000{digit}" for digit in "678"]
PAGES = {"home": "/admin/", "number": f"/admin/numbers/phonenumber/{NUMBER_ID}/change/"}
SIZES = {"": {"width": 1400, "height": 980}, "-narrow": {"width": 390, "height": 844}}


def main() -> None:
    """Take the pictures."""
    narrow = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder:
        base = f"http://127.0.0.1:{free_port()}"
        of_this_run = {"DATA_DIR": folder, "PORT": base.rpartition(":")[2], "DATABASE_URL": "", "CARRIER_URL": ""}
        log = Path(folder) / "demo.log"
        with log.open("w") as output:
            demo = subprocess.Popen(
                [sys.executable, "-m", "devserver"], cwd=ROOT, env=os.environ | of_this_run, stdout=output
            )
        try:
            _let_some_fail(base, Path(folder), log)
            _take_pictures(base, narrow)
        finally:
            demo.terminate()
            demo.wait()


def _let_some_fail(base: str, folder: Path, log: Path) -> None:
    # The last thing that the demo says is what became of its first attachment.
    wait_until(lambda: '"propagated"' in log.read_text(), "the demo has propagated its first attachment")
    carrier = re.search(r"PUT (http://\S+)/faults", log.read_text())
    assert carrier is not None
    _ask("PUT", f"{carrier[1]}/faults", {"failures": 1.0})
    key = (folder / "demo_key").read_text(encoding="ascii")
    for number_id in FAILING:
        address = f"{base}/v1/phone-numbers/{number_id}/campaign"
        _ask("POST", address, {"campaign_id": CAMPAIGN_ID}, key)
        # Some failures are final, others are retried.
        wait_until(partial(_has_failed, address, key), "the carrier has refused the number")


def _has_failed(address: str, key: str) -> bool:
    return _ask("GET", address, None, key)["data"]["failure"] is not None


def _ask(method: str, address: str, body: object, key: str = "") -> Any:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(address, data, headers, method=method)) as answer:
        return json.loads(answer.read() or "null")


def _take_pictures(base: str, narrow: Path | None) -> None:
    with launched() as browser:
        for scheme in ("light", "dark"):
            page = new_page(browser, color_scheme=scheme)
            sign_in_at(page, f"{base}/admin/", LOGIN, LOGIN)
            for size, viewport in SIZES.items():
                folder = narrow if size else ROOT / "docs/img"
                if folder is None:
                    continue
                folder.mkdir(parents=True, exist_ok=True)
                page.set_viewport_size(viewport)  # type: ignore[arg-type]  # Playwright wants its own type.
                for name, path in PAGES.items():
                    page.goto(base + path)
                    page.wait_for_load_state("networkidle")
                    page.evaluate("Promise.all(document.getAnimations().map(each => each.finished))")
                    page.screenshot(path=folder / f"{name}-{scheme}{size}.png", full_page=bool(size))


if __name__ == "__main__":
    main()
