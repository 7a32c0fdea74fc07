"""Advisory file locks that the kernel drops with their process, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class FileLock:
    """A lock on a file; never waits. Held until released, closed, or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds it."""
        return self._fd is not None

    def acquire(self, *, shared: bool = False) -> bool:
        """Take it if it can be had at once; the file is made when missing, its folder is not."""
        if self._fd is not None:
            return True
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            if not self._is_current(fd):
                os.close(fd)
                return False
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def _is_current(self, fd: int) -> bool:
        """Whether the path still names the locked file: it may have been removed, and made anew, in between."""
        try:
            return os.path.samestat(os.fstat(fd), self.path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Give it back; the file stays."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def is_locked(path: Path) -> bool:
    """Whether some process holds the exclusive lock."""
    probe = FileLock(path)
    if not path.exists():
        return False
    free = probe.acquire(shared=True)
    probe.release()
    return not free
