"""Systems that speak HTTP: the only importer of httpx, which is loaded when one is first read."""

from gocoffee_ops.sources.http.api import HttpApi
from gocoffee_ops.sources.http.identity import Identity

__all__ = ["HttpApi", "Identity"]
