"""The detached process that owns a running server and stops it when nobody uses it any more.

Run as a script, by path, with a job as JSON on standard input. It imports only the standard library and nothing of this
project: it must stay small, and survive whatever happens to its users. When the server runs, it says so on standard
output: `{"pid": …}`.

It holds `watchdog_lock` as long as it lives. It asks twice a second for `users_lock`, which every user shares: once it
gets that, all users are gone, and newcomers wait for the lock until the server has ended.
"""

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_POLL_SECONDS = 0.5
_LOG_LIMIT_BYTES = 4_000_000
_STOP: tuple[tuple[signal.Signals, int], ...] = (
    (signal.SIGINT, 30),
    (signal.SIGQUIT, 6),
    (signal.SIGKILL, 5),
)  # Fast, immediate, and no other choice.


def main() -> None:
    job = json.load(sys.stdin)
    if os.fork():
        os._exit(0)  # The parent waits for this one only; the watchdog itself belongs to init and leaves no zombie.
    log = os.open(job["log"], os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(log, 2)
    _replace_standard_input()
    lock = os.open(job["watchdog_lock"], os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(lock, fcntl.LOCK_EX)  # Only waits for someone who looks whether it is free.
    users = os.open(job["users_lock"], os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    pointer = Path(job["pointer"]).stat()
    wake_up, stop_asked = _listen_to_signals()

    server = _start_server(job, log)
    _write_state(job, server.pid)
    os.write(1, json.dumps({"pid": server.pid}).encode())
    os.dup2(0, 1)  # The end of file tells the parent that this was all.

    stop_signals = _STOP
    while server.poll() is None:
        select.select([wake_up], [], [], _POLL_SECONDS)
        with contextlib.suppress(BlockingIOError):
            os.read(wake_up, 64)
        if not _is_same_file(job["pointer"], pointer):
            stop_signals = _STOP[1:]  # The data was deleted: there is nothing to write back.
        elif not stop_asked and not _take(users):
            _trim(log, job["log"])
            continue
        _forget_state(job)
        _stop(server, stop_signals)
    _forget_state(job)


def _replace_standard_input() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.close(nothing)


def _listen_to_signals() -> tuple[int, list[int]]:
    """Return a descriptor that becomes readable at a signal, and a list that fills when someone asks to stop."""
    wake_up, write_end = os.pipe()
    os.set_blocking(wake_up, False)
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end)
    stop_asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stop_asked.append(received))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda _received, _frame: None)
    return wake_up, stop_asked


def _start_server(job: dict[str, Any], log: int) -> "subprocess.Popen[bytes]":
    watchdog = os.getpid()
    prctl = _load_prctl()

    def die_with_watchdog() -> None:
        # After the change of user, which would clear it. The check closes the gap before it.
        if prctl is not None and (prctl(1, signal.SIGINT) != 0 or os.getppid() != watchdog):  # 1 = PR_SET_PDEATHSIG
            os._exit(1)

    return subprocess.Popen(  # noqa: S603 - the command comes from our own parent.
        job["command"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=job["environment"],
        umask=0o077,
        preexec_fn=die_with_watchdog,  # noqa: PLW1509 - this process has one thread only.
        **(job["identity"] or {}),
    )


def _load_prctl() -> Any:
    """Linux only: elsewhere a killed watchdog leaves its server to the next start, which removes it."""
    if sys.platform != "linux":
        return None
    import ctypes  # Not needed elsewhere.

    return ctypes.CDLL(None).prctl


def _write_state(job: dict[str, Any], pid: int) -> None:
    scratch = Path(job["state_file"] + ".new")
    scratch.write_text(json.dumps({"pid": pid, "port": job["port"], "watchdog": os.getpid()}), "utf-8")
    scratch.replace(job["state_file"])


def _forget_state(job: dict[str, Any]) -> None:
    """Remove the state, unless the folder was deleted and made anew and the file is a successor's."""
    path = Path(job["state_file"])
    with contextlib.suppress(FileNotFoundError):
        if json.loads(path.read_bytes())["watchdog"] == os.getpid():
            path.unlink()


def _is_same_file(path: str, before: os.stat_result) -> bool:
    try:
        return os.path.samestat(Path(path).stat(), before)
    except OSError:
        return False


def _take(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(server: "subprocess.Popen[bytes]", signals: Any) -> None:
    for number, seconds in signals:
        server.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(seconds)
            return


def _trim(log: int, path: str) -> None:
    """Keep one older file of the log. The server goes on writing to the same open file, at its new end."""
    if os.fstat(log).st_size < _LOG_LIMIT_BYTES:
        return
    with contextlib.suppress(OSError), Path(path).open("rb") as current, Path(path + ".1").open("wb") as older:
        older.write(current.read(2 * _LOG_LIMIT_BYTES))
    with contextlib.suppress(OSError):  # On a full disk the log is the smallest trouble.
        os.ftruncate(log, 0)


if __name__ == "__main__":
    main()
