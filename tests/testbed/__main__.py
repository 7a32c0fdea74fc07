"""`make testbed`: one control plane with the scenario in the foreground, until Ctrl-C.

python -m tests.testbed [planted|healthy]
"""

from __future__ import annotations

import signal
import sys
import time

from tests.testbed.binaries import TestbedMissing
from tests.testbed.control_plane import ControlPlaneFailed, control_plane
from tests.testbed.scenario import load
from tests.testbed.scenario.manifests import Variant


def main() -> int:
    arguments = sys.argv[1:]
    if arguments not in ([], ["planted"], ["healthy"]):
        print(__doc__, file=sys.stderr)
        return 64
    variant: Variant = "healthy" if arguments == ["healthy"] else "planted"
    for number in (signal.SIGINT, signal.SIGTERM):  # also when started in the background, where SIGINT is ignored
        signal.signal(number, signal.default_int_handler)
    began = time.monotonic()
    try:
        with control_plane(variant) as cluster:
            print(f"{cluster.server} ({cluster.version}) is up after {time.monotonic() - began:.0f} s; loading ...")
            load(cluster, variant)
            print(f"the {variant} scenario is settled after {time.monotonic() - began:.0f} s", end="\n\n")
            print(f"export KUBECONFIG={cluster.kubeconfig('admin')}   # or reader.yaml, nobody.yaml beside it")
            print(f"export GOCOFFEE_TESTBED={cluster.folder}   # tests that want the planted cluster then use this one")
            print(f"export PATH={cluster.binaries.folder}:$PATH   # the kubectl of this server's version")
            print(f"logs: {cluster.folder / 'logs'}")
            print("Ctrl-C stops it.", flush=True)
            while not cluster.fate():
                time.sleep(1)
            print(cluster.fate(), file=sys.stderr)
            return 70
    except KeyboardInterrupt:
        print("stopped")
        return 130
    except TestbedMissing as error:
        print(f"the testbed is missing: {error}", file=sys.stderr)
        return 69
    except ControlPlaneFailed as error:
        print(error, file=sys.stderr)
        return 70


if __name__ == "__main__":
    sys.exit(main())
