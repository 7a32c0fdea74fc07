"""plotly's own script, for pages that must draw figures without a network."""

from __future__ import annotations

import base64
import gzip
import importlib.metadata
import importlib.util
import os
from pathlib import Path

from gocoffee_ops.errors import OpsError


def compressed() -> str:
    """The script gzipped and in base64, as a page inflates it; kept in the user's cache, as compressing takes time."""
    from platformdirs import user_cache_path

    version = importlib.metadata.version("plotly")
    kept = user_cache_path("gocoffee-ops") / f"plotly-{version}.min.js.gz"
    source = _source()
    if kept.is_file() and kept.stat().st_mtime >= source.stat().st_mtime:
        data = kept.read_bytes()
    else:
        data = gzip.compress(source.read_bytes(), 9, mtime=0)
        _keep(kept, data)
    return base64.b64encode(data).decode("ascii")


def _source() -> Path:
    spec = importlib.util.find_spec("plotly")  # finding it does not import it
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "package_data" / "plotly.min.js"
        if path.is_file():
            return path
    raise OpsError("find plotly's script", why="the installed plotly lacks plotly.min.js", hint="install plotly again")


def _keep(path: Path, data: bytes) -> None:
    """Keep it for the next report; a cache that cannot be written costs only time."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
