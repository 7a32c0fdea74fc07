"""What the questions to Prometheus answer with."""

from __future__ import annotations

from gocoffee_ops.frames import Column, Schema

MISSING = Column("missing", "string", help="why there is no value", optional=True)
WINDOW = (
    Column("window_s", "Float64", "s", help="of the rate: as asked, and at least 4 scrapes"),
    Column("scrape_interval_s", "Float64", "s", optional=True),
    Column("points_found", "Int64", help="samples in the window, of all series"),
    Column("points_expected", "Int64", help="by scrape interval and number of series", optional=True),
)
CONTAINER = (Column("namespace", "string"), Column("pod", "string"), Column("container", "string"))

SERVER = Schema(
    "prometheus",
    (
        Column("version", "string", optional=True),
        Column("targets", "Int64", help="scraped now"),
        Column("targets_down", "Int64", help="of those, not answering"),
    ),
)

SAMPLES = Schema(
    "samples",
    (
        Column("series", "string", help="as PromQL writes it"),
        Column("labels", "list[string]", help="name=value; analysis.growth.labelled makes columns of them"),
        Column("at", "timestamp"),
        Column("value", "Float64", help="in the expression's unit", optional=True),
        MISSING,
    ),
)

SERVICES = Schema("services", (Column("service", "string"),))

REQUESTS = Schema(
    "requests",
    (
        Column("service", "string"),
        Column("requests_per_s", "Float64", "1/s", optional=True),
        Column(
            "errors_per_s", "Float64", "1/s", help="0 where there were requests and no series of errors", optional=True
        ),
        Column("error_ratio", "Float64", "ratio", help="errors of requests; missing without requests", optional=True),
        *WINDOW,
        MISSING,
    ),
)

LATENCY = Schema(
    "latency",
    (
        Column("service", "string"),
        Column("quantile", "Float64", "ratio"),
        Column("latency_s", "Float64", "s", optional=True),
        Column("at_least", "boolean", help="it lies beyond the largest bucket: the true one may be any longer"),
        Column("requests_per_s", "Float64", "1/s", optional=True),
        *WINDOW,
        MISSING,
    ),
)

SATURATION = Schema(
    "saturation",
    (
        *CONTAINER,
        Column("cpu_limited", "boolean", help="missing where no series tells", optional=True),
        Column("cpu_throttled", "Float64", "ratio", help="scheduler periods in which it was held back", optional=True),
        Column("memory_mib", "Float64", "MiB", help="working set: what the kernel kills by", optional=True),
        Column("memory_limit_mib", "Float64", "MiB", help="missing without a limit", optional=True),
        Column("memory_limited", "boolean", help="missing where no series tells", optional=True),
        Column("memory_of_limit", "Float64", "ratio", optional=True),
        MISSING,
    ),
)

MEMORY = Schema(
    "container memory",
    (
        *CONTAINER,
        Column("at", "timestamp"),
        Column("memory_mib", "Float64", "MiB", help="working set", optional=True),
        Column("memory_limit_mib", "Float64", "MiB", help="missing without a limit", optional=True),
        Column("memory_limited", "boolean", help="missing where no series tells", optional=True),
        MISSING,
    ),
)
