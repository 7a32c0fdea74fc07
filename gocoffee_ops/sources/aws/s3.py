"""A shelf of bills in S3: the files below a prefix, fetched to a folder of our own, those that changed alone."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from gocoffee_ops.errors import DeadlineExceeded, Malformed, Unsupported
from gocoffee_ops.sources.aws.client import Client
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.focus.shelf import CHUNK, BillFile, Stock, chosen, twice

LIST, GET = "s3:ListBucket", "s3:GetObject"


class Bucket:
    """The files below a prefix of a bucket. Making it contacts nothing. Safe to share between threads.

    What was fetched stays as long as this does, so that a question costs what changed since the one before; it is in a folder that
    only we may read, and gone at the end. `max_mib` bounds what is kept there.
    """

    def __init__(
        self,
        target: str,
        bucket: str,
        prefix: str,
        *,
        region: str | None = None,
        profile: str | None = None,
        endpoint_url: str | None = None,
        max_mib: float = 2048.0,
    ) -> None:
        self._target = target
        self._bucket, self._prefix = bucket, prefix
        self._max_mib = max_mib
        self._client = Client(target, "s3", region=region, profile=profile, endpoint_url=endpoint_url)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._kept: dict[str, BillFile] = {}
        self._lock = threading.Lock()

    def secrets(self) -> frozenset[str]:
        """What must not be shown."""
        return self._client.secrets()

    def stock(self, since: date, deadline: Deadline) -> Stock:
        """The files of the months from `since` on, here to be read. Raises the errors of `errors.SourceError`."""
        what = "fetch the bill's files"
        if not self._lock.acquire(timeout=deadline.left()):
            why = f"another question still fetches them after {deadline.seconds:g} s"
            raise DeadlineExceeded(what, target=self._target, why=why)
        try:
            where = f"s3://{self._bucket}/{self._prefix}"
            stock = chosen(what, self._target, where, self._listed(deadline), since)
            self._bounded(what, stock.files)
            here: list[BillFile] = []
            for file in stock.files:
                seen = f"{len(here)} of {len(stock.files)} files"
                deadline.check(what, target=self._target, last_seen=seen)
                here.append(self._here(file, deadline))
            return replace(stock, files=tuple(here))
        finally:
            self._lock.release()

    def _listed(self, deadline: Deadline) -> list[BillFile]:
        what = f"list s3://{self._bucket}/{self._prefix}"
        files: list[BillFile] = []
        values: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix}
        while True:
            page = self._client.call(what, LIST, "list_objects_v2", deadline, read=_same, **values)
            if "IsTruncated" not in page:  # botocore reads any document as a list without files
                why = "what answers is no list of files: a page of a proxy?"
                raise Malformed(what, target=self._target, why=why, hint="endpoint_url")
            for item in page.get("Contents", ()):
                name = item["Key"].removeprefix(self._prefix)
                if item["Size"] or not name.endswith("/"):
                    etag = item["ETag"].strip('"')
                    files.append(BillFile(name, Path(), item["Size"], item["LastModified"].astimezone(UTC), etag))
            if not page["IsTruncated"]:
                return files
            if not page.get("NextContinuationToken"):
                raise Malformed(what, target=self._target, why="it says that there is more, and not where")
            values["ContinuationToken"] = page["NextContinuationToken"]

    def _bounded(self, what: str, files: Sequence[BillFile]) -> None:
        mib = sum(file.size for file in files) / 2**20
        if mib > self._max_mib:
            why = f"{len(files)} files are {mib:,.0f} MiB, more than max_mib = {self._max_mib:,.0f}"
            raise Unsupported(
                what, target=self._target, why=why, hint="a shorter window, a narrower prefix, or max_mib"
            )
        seen: dict[tuple[str, int], str] = {}
        for file in files:
            first = seen.setdefault((file.etag, file.size), file.name)
            if first != file.name and file.size:
                raise twice(self._target, first, file.name)

    def _here(self, file: BillFile, deadline: Deadline) -> BillFile:
        """The file with its copy here, fetched when there is none of this ETag."""
        kept = self._kept.get(file.name)
        if kept is not None and (kept.etag, kept.size) == (file.etag, file.size):
            return kept
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="gocoffee-bill-")
        path = Path(
            self._folder.name, f"{len(self._kept)}-{datetime.now(UTC):%H%M%S%f}.{file.kind}{_zipped(file.name)}"
        )
        key = self._prefix + file.name
        what = f"fetch s3://{self._bucket}/{key}"

        def save(answer: Any) -> int:
            count = 0
            with path.open("wb") as saved:
                for chunk in answer["Body"].iter_chunks(CHUNK):
                    count += len(chunk)
                    if not deadline.left():
                        break
                    saved.write(chunk)
            return count

        count = self._client.call(
            what, GET, "get_object", deadline, read=save, Bucket=self._bucket, Key=key, IfMatch=f'"{file.etag}"'
        )
        deadline.check(what, target=self._target, last_seen=f"{count:,} of {file.size:,} bytes")
        if count != file.size:
            raise Malformed(what, target=self._target, why=f"{count:,} bytes came, and it should have {file.size:,}")
        if kept is not None:
            kept.path.unlink(missing_ok=True)
        self._kept[file.name] = replace(file, path=path)
        return self._kept[file.name]


def _zipped(name: str) -> str:
    return ".gz" if name.lower().endswith(".gz") else ""


def _same(answer: Any) -> Any:
    return answer
