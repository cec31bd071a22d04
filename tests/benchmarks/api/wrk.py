"""Runs wrk, the load."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 8
_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk has seen. Latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def find_wrk() -> str:
    """Where wrk is. Ends the program, saying how to get it, if it is nowhere."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit(
            "wrk makes the load, and is not installed: apt-get install wrk, brew install wrk, or"
            " https://github.com/wg/wrk. Then run this again."
        )
    return found


def run_wrk(*, port: int, scenario: str, key: str, round_: int, numbers: int, seconds: int) -> Load:
    """One run. Ends the program if a single request was refused or lost: the results would be of something else."""
    ended = subprocess.run(
        [
            *(find_wrk(), "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"),
            *("--timeout", "20s", "--script", str(_SCRIPT), f"http://127.0.0.1:{port}"),
            *("--", scenario, key, str(round_), str(numbers)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    load = Load(**json.loads(ended.stdout.partition("RESULT ")[2]))
    if load.failed or not load.requests:
        sys.exit(f"{scenario} on port {port}: {load.failed} of {load.requests} requests failed.\n{ended.stdout}")
    return load
