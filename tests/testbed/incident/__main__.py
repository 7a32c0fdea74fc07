"""Keep the incident's environment running: `python -m tests.testbed.incident`; Ctrl-C stops it."""

from __future__ import annotations

import signal
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from tests.testbed.control_plane import control_plane
from tests.testbed.incident.environment import NAME, incident
from tests.testbed.scenario.load import load


def main() -> None:
    """Start it, say how to read it, and wait."""
    for number in (signal.SIGINT, signal.SIGTERM):  # also when started in the background, where SIGINT is ignored
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="gco-incident-") as folder, control_plane(NAME) as cluster:
        load(cluster, "planted")
        with incident(cluster, Path(folder)) as it, suppress(KeyboardInterrupt):
            print(f"export GOCOFFEE_CONFIG={it.config}")
            print(f"gocoffee-ops run performance-review --env {NAME}", flush=True)
            threading.Event().wait()


if __name__ == "__main__":
    main()
