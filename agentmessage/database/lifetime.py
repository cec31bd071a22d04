"""A process that must not outlive its parent, even if that is killed with SIGKILL.

A process is *asked* to by the environment variable EXIT_WITH_PARENT, which holds the process id of that parent
(or 1 for whoever is the parent when the process looks). Use:

* Makefile: `run: ; exec env EXIT_WITH_PARENT=$$PPID $(PYTHON) manage.py run_demo`. The `exec` matters: without it a
  shell stands in between, and killing make leaves that shell alive. (In make's shell, `$$PPID` is make.)
* run_demo, first thing: `exit_with_parent()` (does nothing unless asked), then `take_children_along()`.
* run_demo starts granian, from its main thread, as
  `[sys.executable, "-m", "agentmessage.database.lifetime", "granian", "--interface", "wsgi", …]`:
  this module runs the named one in the same process, after `exit_with_parent()`.
* wsgi.py, and every command that run_demo starts: `exit_with_parent()`. Granian's workers import wsgi.py; without this
  they survive the SIGKILL of their main process and keep the port.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading
import time

_VARIABLE = "EXIT_WITH_PARENT"
_POLL_SECONDS = 0.5
# How long a process may take to end in good order once its parent is gone.
_GRACE_SECONDS = 1.5
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def exit_with_parent() -> None:
    """End this process soon after its parent, if EXIT_WITH_PARENT asks for it: SIGTERM at once, SIGKILL after 1.5 s.

    The children of this process are asked in turn to follow it. On Linux the kernel sends the first signal; a thread
    polls as well, everywhere, because the signal may be ignored, or the parent may be gone before it is set up. Linux
    means the parent's *thread*: start such children from a thread that stays.
    """
    asked = os.environ.get(_VARIABLE)
    if not asked:
        return
    parent = os.getppid() if asked == "1" else int(asked)
    take_children_along()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    threading.Thread(target=_follow, args=(parent,), name="exit-with-parent", daemon=True).start()


def take_children_along() -> None:
    """Ask the children that this process starts from now on to follow it."""
    os.environ[_VARIABLE] = str(os.getpid())


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _run_module(arguments: list[str]) -> None:
    exit_with_parent()
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _run_module(sys.argv[1:])
