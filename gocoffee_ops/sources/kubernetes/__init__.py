"""Kubernetes: the only importer of the official client and of urllib3. It loads them when a cluster is first read."""

from gocoffee_ops.sources.kubernetes.client import Cluster
from gocoffee_ops.sources.kubernetes.credentials import load_library
from gocoffee_ops.sources.kubernetes.lists import Kind, Listing

__all__ = ["Cluster", "Kind", "Listing", "load_library"]
