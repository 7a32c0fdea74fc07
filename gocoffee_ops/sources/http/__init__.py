"""Systems that speak HTTP: the only importer of httpx, which is loaded when one is first read."""

from gocoffee_ops.sources.http.api import HttpApi, load_library
from gocoffee_ops.sources.http.endpoint import Dependency, Endpoint, StatusPage
from gocoffee_ops.sources.http.identity import Identity
from gocoffee_ops.sources.http.probe import HttpProbe, Sample

__all__ = [
    "Dependency",
    "Endpoint",
    "HttpApi",
    "HttpProbe",
    "Identity",
    "Sample",
    "StatusPage",
    "load_library",
]
