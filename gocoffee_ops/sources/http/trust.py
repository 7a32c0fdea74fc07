"""Whose certificates are trusted."""

from __future__ import annotations

import ssl
from os import PathLike

from gocoffee_ops.errors import ConfigError


def trusted(target: str, ca_file: str | PathLike[str] | None) -> ssl.SSLContext:
    """What verifies a server's certificate: the usual authorities, or those of `ca_file`. Raises ConfigError."""
    if ca_file is None:
        import httpx

        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        why = f"{ca_file}: {getattr(error, 'strerror', '') or 'holds no certificate'}"
        raise ConfigError("read ca_file", target=target, why=why) from None
