"""Processes that end with this one: stopped by it when it ends, and by the kernel when it is killed (on Linux)."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Loaded before a fork, which must not load anything.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_SECONDS_TO_END = 8.0
_POLL_SECONDS = 0.1
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_received: list[int] = []


def end_with_parent(signum: signal.Signals, *, parent: int) -> None:
    """Have the kernel send this process a signal when its parent ends, however that happens. Only on Linux.

    Linux means the parent's thread that started this process: start such processes from a thread that stays.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signum)
        if os.getppid() != parent:  # It ended before the kernel was asked.
            os.kill(os.getpid(), signum)


def ending_with_us(signum: signal.Signals) -> dict[str, Any]:
    """Return the argument that makes `subprocess` start a child that ends with this process."""
    parent = os.getpid()
    # Runs in the child, after the change of user, which would undo it. It only makes system calls, so it is safe in a
    # process with threads.
    return {"preexec_fn": lambda: end_with_parent(signum, parent=parent)}


def end_with_session_leader() -> None:
    """Have the kernel kill this worker of a server when the server's main process ends.

    Without its main process a worker of granian would keep the port. `ChildProcesses` makes that lead a session.
    """
    end_with_parent(signal.SIGKILL, parent=os.getsid(0))


def stop_on_signals() -> None:
    """Let `pause` end this process once a signal has asked it to stop.

    A handler that raises would not do: where it interrupts a callback, Python drops the exception, and the signal with
    it. Cleaning up does not `pause`, so it is not interrupted.
    """
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda received, _frame: _received.append(received))


def pause(seconds: float) -> None:
    """Sleep before checking a condition again. Raises SystemExit if a signal has asked this process to stop."""
    if not _received:
        time.sleep(seconds)
    if _received:
        raise SystemExit(128 + _received[0])


def run_command(command: Sequence[str]) -> int:
    """Run a command in the foreground, and return its exit status as a shell does.

    Raises:
        OSError: There is no such command.
    """
    # Ctrl-C reaches the command as well, which may clean up before it ends.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    process = subprocess.Popen(command, **ending_with_us(signal.SIGTERM))  # noqa: S603  (The command is the caller's.)
    try:
        status = wait_for_any(process).returncode
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    return status if status >= 0 else 128 - status


def wait_for_any(*processes: "subprocess.Popen[Any]") -> "subprocess.Popen[Any]":
    """Wait until one of the processes ends, and return it."""
    while True:
        for process in processes:
            if process.poll() is not None:
                return process
        pause(_POLL_SECONDS)


class ChildProcesses:
    """Starts Python modules, and ends all of them when the block ends."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for child in self._running:
            child.terminate()
        deadline = time.monotonic() + _SECONDS_TO_END
        for child in self._running:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(deadline - time.monotonic(), _POLL_SECONDS))
            child.kill()
            child.wait()

    def start(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Run a module as `python -m` does."""
        child = subprocess.Popen(  # noqa: S603  (Our own modules.)
            [sys.executable, "-m", module, *arguments],
            env=os.environ | dict(environment or {}),
            # In a session of its own, so that Ctrl-C reaches only this process, which then stops its children once.
            start_new_session=True,
            **ending_with_us(signal.SIGKILL),
        )
        self._running.append(child)
        return child


def free_port(wanted: int = 0) -> int:
    """Return the wanted port of the loopback interface, or any other if it is taken."""
    with socket.socket() as probe:
        # As servers do: a connection of the last run that is still in TIME_WAIT does not matter.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except (OSError, OverflowError):
            probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
