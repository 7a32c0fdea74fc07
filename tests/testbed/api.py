"""A bare HTTP client of the API server: what the tests send is what they say, and the answer is not interpreted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Api:
    """Requests to one API server as one token user."""

    def __init__(self, server: str, ca_file: str | Path, token: str) -> None:
        self.server = server
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._pool = urllib3.PoolManager(ca_certs=str(ca_file), maxsize=4)

    @classmethod
    def from_kubeconfig(cls, path: str | Path) -> Api:
        document = yaml.safe_load(Path(path).read_text())
        cluster = document["clusters"][0]["cluster"]
        return cls(cluster["server"], cluster["certificate-authority"], document["users"][0]["user"]["token"])

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        timeout_s: float = 10.0,
    ) -> Answer:
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Type"] = content_type
        response = self._pool.request(
            method,
            self.server + path,
            body=None if body is None else json.dumps(body),
            headers=headers,
            timeout=timeout_s,
            retries=False,
        )
        return Answer(response.status, response.data.decode())

    def get(self, path: str) -> Any:
        answer = self.request("GET", path)
        if answer.status != 200:
            raise AssertionError(f"GET {path} answered {answer.status}: {answer.text[:500]}")
        return answer.json()
