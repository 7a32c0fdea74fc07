"""Throwaway Prometheus and Alertmanager servers on loopback, from Debian's packages, and an exporter to scrape."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from tests.testbed.layout import free_ports
from tests.testbed.tether import tether

START_S = 40.0


class Missing(Exception):
    """A program is not here; the message says which package has it."""


def program(name: str, package: str) -> str:
    """A program's path. Raises Missing."""
    found = shutil.which(name)
    if found is None:
        raise Missing(f"there is no {name}: apt-get install {package}")
    return found


class _Server:
    """A program with a folder, a port and a log, which is ready once a path of it answers 200; a context manager."""

    ready = "/-/ready"

    def __init__(self) -> None:
        self.port = free_ports(("web",))["web"]
        self.folder = Path(tempfile.mkdtemp(prefix="gco-prom-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server is not started"
        return self._process

    def command(self) -> list[str]:
        raise NotImplementedError

    def __enter__(self) -> Any:
        log = self.folder / "server.log"
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    self.command(),
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    preexec_fn=tether(),  # noqa: PLW1509  it calls the kernel and nothing else
                )
            self._wait(self._process, log)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        until = time.monotonic() + START_S
        while not self._answers():
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"it did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + self.ready, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path: str) -> Any:
        """What it answers, decoded."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.loads(answer.read())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)
        shutil.rmtree(self.folder)


class AlertmanagerServer(_Server):
    """An Alertmanager: critical alerts inhibit warnings of the same service. Only a test writes to it."""

    CONFIG: Mapping[str, Any] = {
        "route": {"receiver": "on-call", "group_by": ["alertname"], "group_wait": "1s"},
        "receivers": [{"name": "on-call"}],
        "inhibit_rules": [
            {
                "source_matchers": ['severity="critical"'],
                "target_matchers": ['severity="warning"'],
                "equal": ["service"],
            }
        ],
    }

    def command(self) -> list[str]:
        config = self.folder / "alertmanager.yml"
        config.write_text(yaml.safe_dump(dict(self.CONFIG)))
        return [
            program("prometheus-alertmanager", "prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]

    def post(self, path: str, body: Any) -> Any:
        """Write, as Prometheus and people do."""
        request = urllib.request.Request(
            self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def fire(self, alert: str, *, summary: str = "", **labels: str) -> None:
        """An alert that fires."""
        annotations = {"summary": summary} if summary else {}
        generator = "http://prometheus.example.com/graph?g0.expr=up"
        self.post(
            "/api/v2/alerts",
            [{"labels": {"alertname": alert, **labels}, "annotations": annotations, "generatorURL": generator}],
        )

    def silence(self, comment: str, *, by: str, hours: float = 1.0, **matchers: str) -> str:
        """A silence; gives its id."""
        now = datetime.now(UTC)
        body = {
            "matchers": [{"name": n, "value": v, "isRegex": False} for n, v in matchers.items()],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=hours)).isoformat(),
            "createdBy": by,
            "comment": comment,
        }
        answer: str = self.post("/api/v2/silences", body)["silenceID"]
        return answer


def create_blocks(history: Iterable[str], folder: Path) -> None:
    """Lines of OpenMetrics as blocks of a Prometheus' storage in a folder; nothing comes of no lines."""
    with tempfile.TemporaryDirectory(prefix="gco-prom-") as aside:
        text = Path(aside) / "history.txt"
        with text.open("w") as file:
            file.writelines(f"{line}\n" for line in history)
            if file.tell():
                file.write("# EOF\n")
        if text.stat().st_size:
            backfill = [program("promtool", "prometheus"), "tsdb", "create-blocks-from", "--max-block-duration=200h"]
            command = [*backfill, "openmetrics", str(text), str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


class PrometheusServer(_Server):
    """A Prometheus with a history (lines of OpenMetrics, with times), which scrapes exporters (job -> port).

    `blocks` is a folder of more history, which was made before (`create_blocks`); it moves in. `rules` are alerting rules, which
    are evaluated as often as is scraped; they are sent to an Alertmanager at port `alertmanager`, with the external labels.
    """

    def __init__(
        self,
        history: Iterable[str] = (),
        *,
        jobs: Mapping[str, int] | None = None,
        flags: Sequence[str] = (),
        scrape_interval_s: float = 1.0,
        blocks: Path | None = None,
        rules: Sequence[Mapping[str, Any]] = (),
        alertmanager: int | None = None,
        external_labels: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._blocks = blocks
        self._rules = rules
        self._alertmanager = alertmanager
        self._external_labels = dict(external_labels or {})
        self._history = history
        self._jobs = jobs or {}
        self._flags = flags
        self._scrape_interval_s = scrape_interval_s

    def command(self) -> list[str]:
        data = self.folder / "data"
        if self._blocks is not None:
            self._blocks.rename(data)
        create_blocks(self._history, data)
        every = f"{self._scrape_interval_s:g}s"
        group = {"name": "alerts", "rules": [dict(rule) for rule in self._rules]}
        (self.folder / "rules.yml").write_text(yaml.safe_dump({"groups": [group]}))
        times = {"scrape_interval": every, "scrape_timeout": "1s", "evaluation_interval": every}
        sent_to = [] if self._alertmanager is None else [f"127.0.0.1:{self._alertmanager}"]
        config = {
            "global": {**times, "external_labels": self._external_labels},
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": sent_to}]}]},
            "rule_files": [str(self.folder / "rules.yml")],
            "scrape_configs": [
                # What an exporter says of instances stays: one may speak for the kubelets of several nodes.
                {"job_name": job, "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                for job, port in self._jobs.items()
            ],
        }
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        return [
            program("prometheus", "prometheus"),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=3650d",
            f"--web.listen-address=127.0.0.1:{self.port}",
            *self._flags,
        ]


class Exporter:
    """Something to scrape: whatever `text` holds, or gives when it is asked; a context manager."""

    def __init__(self, text: str | Callable[[], str]) -> None:
        self.text = text
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = (outer.text if isinstance(outer.text, str) else outer.text()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_port

    def __enter__(self) -> Exporter:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
