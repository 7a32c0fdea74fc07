"""Who we are to a system."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Identity:
    """A token, or a user with a password, or nobody. Secrets are left out of its repr."""

    token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)

    def headers(self, scheme: str = "Bearer") -> Mapping[str, str]:
        """The Authorization header; `scheme` is the word before a token (Elasticsearch: ApiKey)."""
        if self.token:
            return {"Authorization": f"{scheme} {self.token}"}
        if self.user:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {}

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return frozenset(filter(None, (self.token, self.password)))
