"""The kernel that an execution starts: its process, its channels, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

SHUTDOWN_S = 3.0  # for the kernel to close what it holds
SOCKET_PATH_MAX = 90  # sun_path holds 108 bytes


class KernelProcess:
    """One kernel of this Python, or of the named kernelspec; its sockets are kept in `folder`."""

    def __init__(self, folder: Path, name: str = "") -> None:
        self.manager: Any = None
        self.client: Any = None
        self._connection = folder / "kernel.json"
        self._name = name
        self._process: Any = None  # jupyter_client's provisioner

    async def launch(self, cwd: Path, env: Mapping[str, str]) -> None:
        """Start the process, without waiting for it to answer."""
        from jupyter_client.kernelspec import KernelSpec
        from jupyter_client.manager import AsyncKernelManager

        ipc = len(str(self._connection)) < SOCKET_PATH_MAX and os.name == "posix"
        self.manager = AsyncKernelManager(connection_file=str(self._connection), transport="ipc" if ipc else "tcp")
        extra: list[str] = []
        if self._name:
            self.manager.kernel_name = self._name
        else:
            # Not the kernelspec "python3": one in the user's home may be of another Python.
            argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            self.manager._kernel_spec = KernelSpec(argv=argv, language="python", display_name="Python 3")
            extra = ["--HistoryManager.hist_file=:memory:"]
        env = {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1", **env}
        await self.manager.start_kernel(cwd=str(cwd), env=env, extra_arguments=extra)
        self._process = self.manager.provisioner

    async def ready(self, seconds: float, stopped: asyncio.Event) -> bool:
        """Wait until it answers; False when it was stopped before. Raises RuntimeError when it takes longer."""
        self.client = self.manager.client()
        self.client.start_channels()
        answered = asyncio.ensure_future(self.client.wait_for_ready(timeout=seconds))
        stop = asyncio.ensure_future(stopped.wait())
        await asyncio.wait({answered, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if answered.done():
            answered.result()
            return True
        answered.cancel()
        return False

    async def interrupt(self) -> None:
        """Ask the running cell to end."""
        await self.manager.interrupt_kernel()

    async def returncode(self) -> int | None:
        """None while it lives."""
        return cast(int | None, await self._process.poll())

    async def death(self) -> None:
        """Wait for its end."""
        while await self.returncode() is None:
            await asyncio.sleep(0.1)

    async def kill(self) -> None:
        """End it, whatever it does."""
        await self._process.send_signal(signal.SIGKILL)
        await asyncio.wait_for(self.death(), 10)

    async def killed(self) -> bool:
        """Whether a signal ended it."""
        code = await self.returncode()
        return code is not None and code < 0

    async def cause_of_death(self) -> str:
        """What ended it, in words."""
        code = await self.returncode()
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            return f"{name} ended the kernel" + (" (out of memory?)" if name == "SIGKILL" else "")
        return f"the kernel's process ended with status {code}"

    async def shutdown(self, *, now: bool) -> None:
        """End it, at once or after it closed what it holds, and give back what it used."""
        if self._process is None:
            return
        if await self.returncode() is None:
            self.manager.shutdown_wait_time = SHUTDOWN_S
            await self.manager.shutdown_kernel(now=now or self.client is None)
        await self.manager.cleanup_resources()
        if self.client is not None:
            self.client.stop_channels()
