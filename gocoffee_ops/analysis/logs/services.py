"""From a pod's name to the service it belongs to."""

from __future__ import annotations

import re

# Kubernetes appends letters and digits of this alphabet: it has no vowels, so that no words come out.
_R = "[bcdfghjklmnpqrstvwxz2456789]"
_APPENDED = re.compile(rf"(?:-{_R}{{6,10}}-{_R}{{5}}|-[0-9]{{8,10}}-{_R}{{5}}|-{_R}{{5}}|-[0-9]{{1,4}})$")


def service_of(pod: str) -> str:
    """The name without the parts of ReplicaSet, Job, DaemonSet and StatefulSet pods that differ from pod to pod.

    >>> [service_of(pod) for pod in ("orders-7d9f8b6c5-x2x4z", "postgres-primary-0", "backup-29012345-qwrtz", "gateway")]
    ['orders', 'postgres-primary', 'backup', 'gateway']
    """
    return _APPENDED.sub("", pod) or pod
