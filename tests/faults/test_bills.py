"""A bill in S3 and Cost Explorer x each fault: the gap is stated, and what is sound beside it is read whole.

A run reads a sound and a faulty one of each; the two faulty ones have the same fault at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.aws import BUCKET, IDENTITY, NOWHERE, SECRET_KEY, Moto, moto_server
from tests.focus_files import charge, write_parquet
from tests.http_server import Answer, Asked, Script, says, serving, unused_port
from tests.review.environment import Configured, Ran, cli
from tests.runbooks.written import runbook

DEADLINE_S = 8.0  # short, so that the matrix is; long enough for what is sound on a busy machine
KINDS = ("bill", "cost_explorer")
SETUP = """
from gocoffee_ops import bills, checks, cost_explorer, runbook
ops = runbook.start("{name}", env=env)
"""
SECTIONS = (
    "ops.show(bills.charges(ops, days=3))",
    "ops.judge(checks.bill_files_sound, bills.files(ops, days=3))",
    "ops.judge(checks.bill_days_present, bills.periods(ops, days=3))",
    "ops.show(cost_explorer.costs(ops, days=1))",
    "ops.show(cost_explorer.totals(ops))",
)
DATA = b"x" * 4000
LISTING = f"""<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>focus/a.csv</Key>
<LastModified>2026-11-09T00:00:00.000Z</LastModified><ETag>"e1"</ETag><Size>{len(DATA)}</Size></Contents></ListBucketResult>"""


def costs(asked: Asked) -> Answer:
    """Cost Explorer's answer for every day that was asked for."""
    request = json.loads(asked.body)
    first = datetime.fromisoformat(request["TimePeriod"]["Start"])
    last = datetime.fromisoformat(request["TimePeriod"]["End"])
    metrics = {metric: {"Amount": "1.5", "Unit": "USD"} for metric in request["Metrics"]}
    groups = [{"Keys": ["Amazon EC2", "team$orders"], "Metrics": metrics}] if "GroupBy" in request else []
    days = [first + timedelta(days=n) for n in range((last - first).days)]
    return says(
        {
            "ResultsByTime": [
                {
                    "TimePeriod": {"Start": f"{day:%Y-%m-%d}", "End": f"{day + timedelta(days=1):%Y-%m-%d}"},
                    "Total": {} if groups else metrics,
                    "Groups": groups,
                    "Estimated": False,
                }
                for day in days
            ]
        }
    )


def always(answer: Answer) -> Script:
    return lambda _: answer


def xml(code: str, status: int) -> Script:
    return always(Answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()))


def cut_object(asked: Asked) -> Answer:
    if "list-type" in asked.query:
        return Answer(200, LISTING.encode(), content_type="application/xml")
    return Answer(200, DATA, cut_at=100)


@dataclass(frozen=True)
class Fault:
    """How S3 and Cost Explorer have it (None: nothing listens), and the words that tell it apart in each."""

    s3: Script | None
    explorer: Script | None
    said: tuple[str, str]


PAGE = always(Answer(200, b"<html>sign in</html>", content_type="text/html"))
FAULTS = {
    "refused": Fault(None, None, ("Could not connect", "Could not connect")),
    "hangs": Fault(always(Answer(stall=True)), always(Answer(stall=True)), ("no answer after", "no answer after")),
    "401": Fault(
        xml("ExpiredToken", 400),
        always(says({"__type": "UnrecognizedClientException", "Message": "who?"}, 400)),
        ("ExpiredToken", "UnrecognizedClientException"),
    ),
    "403": Fault(
        xml("AccessDenied", 403),
        always(says({"__type": "AccessDeniedException", "Message": "no"}, 400)),
        ("may not s3:ListBucket", "may not ce:GetCostAndUsage"),
    ),
    "5xx": Fault(
        xml("InternalError", 500),
        always(says({"__type": "InternalFailure", "Message": "it broke"}, 500)),
        ("InternalError", "InternalFailure"),
    ),
    "malformed": Fault(PAGE, PAGE, ("no list of files", "could not be decoded")),
    "truncated": Fault(
        cut_object, always(says({"ResultsByTime": []}, cut_at=9)), ("the connection broke", "could not be decoded")
    ),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Moto, str]]:
    """A bill of the last days on moto's server, and a Cost Explorer that answers; and who we are to both."""
    with pytest.MonkeyPatch.context() as patch, moto_server() as moto, serving(costs) as explorer:
        for name, value in (IDENTITY | NOWHERE).items():
            patch.setenv(name, value)
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        rows = [charge(ChargePeriodStart=today - timedelta(days=n)) for n in (1, 2, 3)]
        moto.put("focus/a.parquet", write_parquet(tmp_path_factory.mktemp("bill") / "a.parquet", rows))
        yield moto, explorer.url


@contextmanager
def configured(fault: Fault, sound: tuple[Moto, str], folder: Path) -> Iterator[Configured]:
    """A configuration with a sound and a faulty one of each kind."""
    with ExitStack() as stack:

        def at(script: Script | None) -> str:
            return stack.enter_context(serving(script)).url if script else f"http://127.0.0.1:{unused_port()}"

        lines = []
        for name, s3, explorer in (("sound", sound[0].url, sound[1]), ("faulty", at(fault.s3), at(fault.explorer))):
            lines += ["[[environments.test.bills]]", f'name = "{name}"', f'path = "s3://{BUCKET}/focus/"']
            lines += [f'endpoint_url = "{s3}"', "lag_h = 0.0"]
            lines += ["[[environments.test.cost_explorers]]", f'name = "{name}"', f'endpoint_url = "{explorer}"']
        lines += ["[environments.test.limits]", f"query_deadline_s = {DEADLINE_S}", "cell_deadline_s = 60.0"]
        (folder / "gocoffee.toml").write_text("\n".join(lines) + "\n")
        yield Configured(folder)


@pytest.fixture(scope="module")
def run_of(sound: tuple[Moto, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Ran]:
    """The run with a fault; made once."""
    runs: dict[str, Ran] = {}

    def run(name: str) -> Ran:
        if name not in runs:
            folder = tmp_path_factory.mktemp("fault")
            path = runbook(folder / "costs.ipynb", *SECTIONS, setup=SETUP)
            with configured(FAULTS[name], sound, folder) as ready:
                done = cli(ready, "run", str(path), "--env", "test", "--reports", str(ready.reports))
            (made,) = (ready.reports / "costs").glob("[0-9]*")
            found = json.loads((made / "run.json").read_text())
            runs[name] = Ran(done.returncode, done.stdout + done.stderr, made, found)
        return runs[name]

    return run


JUDGED: dict[str, set[str]] = {"bill": {"bill_files_sound", "bill_days_present"}, "cost_explorer": set()}
MATRIX = [(fault, kind) for fault in FAULTS for kind in KINDS]


def test_the_matrix_prints_its_count(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfault matrix: {len(MATRIX)} of {', '.join(KINDS)} x {', '.join(FAULTS)}")
    assert len(MATRIX) == 14


@pytest.mark.parametrize(("fault", "kind"), MATRIX, ids=[f"{kind}-{fault}" for fault, kind in MATRIX])
def test_a_fault_costs_its_own_place_and_says_why(run_of: Callable[[str], Ran], fault: str, kind: str) -> None:
    ran = run_of(fault)
    told = [f for f in ran.run["findings"] if f["subject"] == f"{kind}/faulty" and f["status"] == "UNKNOWN"]
    gaps = [part for f in told for part in f["parts"] or [f]]
    said = FAULTS[fault].said[kind != "bill"]
    assert len(told) == 1, told  # one place, one reason: one line, that names every question
    assert all(said in gap["reason"] for gap in gaps), gaps
    questions = [gap for gap in gaps if "." in gap["check"]]  # beside them stand the checks that say what they lack
    assert all(gap["check"] in told[0]["reason"] for gap in questions), questions
    answered, asked = ran.covered(f"{kind}/faulty")
    assert (answered, asked) == (0, len(questions))
    assert {gap["check"] for gap in gaps if gap not in questions} == JUDGED[kind]
    assert (ran.run["status"], ran.exit_code) == ("UNKNOWN", 3)
    assert f"{kind}/faulty" in ran.report


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_sound_beside_it_is_read_whole(run_of: Callable[[str], Ran], fault: str) -> None:
    ran = run_of(fault)
    for kind in KINDS:
        answered, asked = ran.covered(f"{kind}/sound")
        assert answered == asked > 0, ran.run["findings"]
    assert not [f for f in ran.run["findings"] if f["subject"].endswith("/sound") and f["status"] != "OK"]
    assert SECRET_KEY not in ran.report + ran.printed
