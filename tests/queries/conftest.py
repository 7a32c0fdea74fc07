"""A session over the planted cluster, as the shipped reader role."""

from __future__ import annotations

from pathlib import Path

import pytest

from gocoffee_ops.session import Session
from tests.support import live_session
from tests.testbed.control_plane import Cluster


@pytest.fixture
def ops(cluster: Cluster, tmp_path: Path) -> Session:
    """Reads as the reader role of deploy/rbac.yaml."""
    return live_session(tmp_path, clusters={"planted": cluster.kubeconfig("reader")})
