"""The body of an answer, read as it comes: whole, or handed over part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isal import isal_zlib  # several times as quick as zlib
from isal.igzip_lib import IsalError

from gocoffee_ops.sources.deadline import Deadline

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

Take = Callable[[bytes], bool]  # is handed a part of a body, and says whether it wants more
Head = Callable[[bytes], bool]  # is handed the beginning of a body, and says whether that was enough

CHUNK = 1 << 18
LARGEST_HINT = 1 << 26
HEAD = 4096


@dataclass
class Seen:
    """What was last seen of a question, for the message when its time is up."""

    text: str = "nothing"
    before: str = ""  # of a list, the pages that are whole; another thread may be reading the next one
    poured: bool = False  # what was handed over cannot be asked for again

    def __str__(self) -> str:
        return f"{self.text} (before: {self.before})" if self.before else self.text


def whole_body(
    response: BaseHTTPResponse, deadline: Deadline, seen: Seen, head: Head | None = None
) -> bytes | bytearray:
    """All of it, decompressed. `head` is shown its beginning as soon as that is there."""
    import urllib3

    zipped = response.headers.get("Content-Encoding", "").lower() == "gzip"
    body = bytearray()  # grown in place: a list of parts, joined at the end, would touch all memory twice
    for chunk in _chunks(response, deadline, seen):
        body += chunk
        if head is not None and (head(_beginning(body, zipped=zipped)) or len(body) >= HEAD):
            head = None
    if not zipped:
        return body
    size = int.from_bytes(body[-4:], "little") + 1  # gzip ends with it, a hint only; a buffer that is full is doubled
    try:
        decompressed: bytes = isal_zlib.decompress(body, wbits=31, bufsize=min(max(size, CHUNK), LARGEST_HINT))
    except IsalError as error:  # type: ignore[misc]  # its stubs take the class for an instance
        raise urllib3.exceptions.DecodeError(str(error)) from error
    return decompressed


def _beginning(body: bytearray, *, zipped: bool) -> bytes:
    if not zipped:
        return bytes(body[:HEAD])
    try:
        begun: bytes = isal_zlib.decompressobj(wbits=31).decompress(body, max_length=HEAD)
    except IsalError:  # type: ignore[misc]  # whoever reads the whole says so
        return b""
    return begun


def poured(response: BaseHTTPResponse, deadline: Deadline, seen: Seen, take: Take) -> bytes:
    """Hand it to `take` until that wants no more; nothing of it is kept, and the connection is of no use then."""
    zipped = response.headers.get("Content-Encoding", "").lower() == "gzip"
    for chunk in _chunks(response, deadline, seen, decode=zipped):
        seen.poured = True
        if not take(chunk):
            response.close()
            break
    return b""


def _chunks(response: BaseHTTPResponse, deadline: Deadline, seen: Seen, *, decode: bool = False) -> Iterator[bytes]:
    """The body as it comes: a slow drip would keep any other read busy for as long as it likes."""
    import urllib3

    size = 0
    while True:
        left = deadline.left()
        if left <= 0:
            raise urllib3.exceptions.TimeoutError
        sock = getattr(response.connection, "sock", None)
        if sock is not None:
            sock.settimeout(left)
        chunk = response.read1(CHUNK, decode_content=decode)
        if not chunk:
            return
        size += len(chunk)
        seen.text = f"{response.status}, {size} bytes of the body"
        yield chunk
