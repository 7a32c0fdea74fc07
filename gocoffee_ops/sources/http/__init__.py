"""Systems that speak HTTP: the only importer of httpx, which is loaded when one is first read."""

from gocoffee_ops.sources.http.api import HttpApi
from gocoffee_ops.sources.http.endpoint import Dependency, Endpoint, StatusPage
from gocoffee_ops.sources.http.identity import Identity
from gocoffee_ops.sources.http.probe import HttpProbe, Sample

__all__ = ["Dependency", "Endpoint", "HttpApi", "HttpProbe", "Identity", "Sample", "StatusPage", "load_library"]


def load_library() -> None:
    """Load httpx now, where no deadline runs yet."""
    import httpx  # noqa: F401
