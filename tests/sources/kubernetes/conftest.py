"""A cluster read from a server that a test scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from gocoffee_ops.sources.kubernetes import Cluster
from tests.http_server import HttpServer, Script, serving
from tests.sources.kubernetes.static_server import write_kubeconfig

Serve = Callable[..., tuple[Cluster, HttpServer]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a scripted server and make the cluster that reads it: serve(script) -> cluster, server."""
    with ExitStack() as stack:

        def start(script: Script, **options: Any) -> tuple[Cluster, HttpServer]:
            server = stack.enter_context(serving(script))
            kubeconfig = write_kubeconfig(tmp_path / "kubeconfig.yaml", server.url)
            cluster = Cluster("test", kubeconfig=kubeconfig, **options)
            stack.callback(cluster.close)
            return cluster, server

        yield start
