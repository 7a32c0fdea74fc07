"""AWS for tests: moto's server, which keeps S3 and answers for Cost Explorer with what it is given; and nobody's credentials."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "coffee-bills"
KEY_ID, SECRET_KEY = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
IDENTITY = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
NOWHERE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
}


@dataclass(frozen=True)
class Moto:
    """Where it listens."""

    url: str

    def put(self, key: str, path: Path, bucket: str = BUCKET) -> None:
        """Put a file into a bucket, which is made when it is not there."""
        s3 = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET_KEY,
        )
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())

    def answer_costs(self, *pages: Sequence[dict[str, Any]] | dict[str, Any]) -> None:
        """What Cost Explorer answers next, one after the other: periods, or a whole answer."""
        results = [page if isinstance(page, dict) else {"ResultsByTime": list(page)} for page in pages]
        self._post("/moto-api/static/ce/cost-and-usage-results", {"results": results})

    def reset(self) -> None:
        """Forget everything."""
        self._post("/moto-api/reset", {})

    def _post(self, path: str, body: Any) -> None:
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status < 300


@contextmanager
def moto_server() -> Iterator[Moto]:
    """A server for the time of a block."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Moto(f"http://{host}:{port}")
    finally:
        server.stop()


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    """moto's server, one a module."""
    with moto_server() as server:
        yield server


@pytest.fixture
def aws_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who we are to AWS, and nowhere else to look for it."""
    for name, value in (IDENTITY | NOWHERE).items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def nobody(aws_identity: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials at all."""
    for name in IDENTITY:
        monkeypatch.delenv(name)
