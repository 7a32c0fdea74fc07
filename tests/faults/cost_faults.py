"""The faults that systems of costs are given in whole runs, each with how every kind of system has it and what is said then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.cost_apis import enveloped
from tests.faults import http_proxy
from tests.faults.test_bills import cut_object, xml
from tests.http_server import Answer, Script, says

DEADLINE_S = 8.0  # short, so that the matrix is; long enough for what is sound on a busy machine
KINDS = {
    "bill": "bills",
    "cost_explorer": "cost_explorers",
    "opencost": "opencosts",
    "kubecost": "kubecosts",
    "prometheus": "prometheus",
    "cluster": "clusters",
}
PAGE = Answer(200, b"<html>sign in</html>", content_type="text/html")
REFUSED = ("refused", "Could not connect")  # any of them: each client has words of its own
LATE = ("no answer after", "did not answer", f"after {DEADLINE_S:g} s")


@dataclass(frozen=True)
class Fault:
    """How each kind of system has it, and what is said then. None: nobody listens."""

    http: Answer | None
    s3: Script | Answer | None
    cost_explorer: Answer | None
    cluster: http_proxy.Fault | None
    said: tuple[str, ...]


FAULTS = {
    "refused": Fault(None, None, None, None, REFUSED),
    "hangs": Fault(Answer(stall=True), Answer(stall=True), Answer(stall=True), http_proxy.hangs, LATE),
    "401": Fault(
        Answer(401, b"who?"),
        xml("ExpiredToken", 400),
        says({"__type": "UnrecognizedClientException", "Message": "who?"}, 400),
        http_proxy.unauthenticated,
        ("401: who?", "ExpiredToken", "UnrecognizedClientException", "Unauthorized"),
    ),
    "403": Fault(
        Answer(403, b"no"),
        xml("AccessDenied", 403),
        says({"__type": "AccessDeniedException", "Message": "no"}, 400),
        http_proxy.forbidden,
        ("403: no", "may not", "the role lacks", "forbidden"),
    ),
    "5xx": Fault(
        Answer(500, b"it broke"),
        xml("InternalError", 500),
        says({"__type": "InternalFailure", "Message": "it broke"}, 500),
        http_proxy.server_error,
        ("it broke", "InternalError", "etcdserver"),
    ),
    "malformed": Fault(
        PAGE, PAGE, PAGE, http_proxy.html, ("instead of JSON", "no list of files", "could not be decoded")
    ),
    "truncated": Fault(
        Answer(200, b'{"status": "success"' * 9, cut_at=30),
        cut_object,
        says({"ResultsByTime": []}, cut_at=9),
        http_proxy.truncated_json,
        ("the connection broke", "could not be decoded", "Input data was truncated"),
    ),
}
# Of a folder, which has no network; and of what says 200 and has nothing.
FILES = {
    "absent": ("there is no folder",),
    "malformed-file": ("focus.parquet: Invalid Input Error",),
    "truncated-file": ("focus.parquet: Invalid Input Error",),
    "empty": ("settled days without a row",),
}
EMPTY: Mapping[str, Answer] = {
    "cost_explorer": says({"ResultsByTime": []}),
    "opencost": enveloped({}),
    "kubecost": enveloped({}),
    "prometheus": says({"status": "success", "data": {"resultType": "vector", "result": []}}),
}
EMPTY_SAID = ("did not come back", "has no entry", "has no sample")
MATRIX = [(kind, fault) for kind in KINDS for fault in FAULTS]
MATRIX += [("bill", fault) for fault in FILES] + [(kind, "empty") for kind in EMPTY]
