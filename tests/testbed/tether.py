"""Servers that tests start end with the process that started them, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def tether() -> Callable[[], None] | None:
    """For Popen's `preexec_fn`: on Linux the kernel kills the child when the thread that started it is gone.

    It is called in the process that starts the child, and what it returns in the child: nothing is loaded there.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def arm() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return arm
