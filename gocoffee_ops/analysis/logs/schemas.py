"""The tables of log forensics."""

from __future__ import annotations

from gocoffee_ops.frames import Column, Schema

CLUSTER = Column("cluster", "string")

_CONTAINER = (
    Column("namespace", "string"),
    Column("pod", "string"),
    Column("container", "string"),
)
_SERVICE = (
    CLUSTER,
    Column("namespace", "string"),
    Column("service", "string", help="the pod's name without what Kubernetes appends to it"),
)
_TEMPLATE = (
    Column("template_id", "string", help="the same for the same text, in every run"),
    Column("template", "string", help="a message with its variable parts as <num>, <id>, <*>"),
)

# What a query of logs returns, `cluster` in front, each container's lines in the order in which it wrote them.
LOG_LINES = Schema(
    "log lines",
    (
        *_CONTAINER,
        Column("previous", "boolean", help="from the container that ran before the last restart"),
        Column("time", "timestamp", optional=True, help="when the container runtime took the line"),
        Column("line", "string", help="without the runtime's time"),
    ),
)

RECORDS = Schema(
    "log records",
    (
        *_SERVICE,
        Column("pod", "string"),
        Column("container", "string"),
        Column("previous", "boolean"),
        Column("time", "timestamp", optional=True, help="the runtime's, else the record's own where it names its zone"),
        Column(
            "level",
            "string",
            optional=True,
            help="trace, debug, info, warn, error or fatal; missing if it tells none; an access record's: error for 5xx, or info",
        ),
        Column(
            "message",
            "string",
            help="without time, level and the like; of an access record: method, path, class of status",
        ),
        Column("format", "string", help="json, logfmt, klog, access, text or trace"),
        Column("status", "Int64", optional=True, help="HTTP status"),
        Column("method", "string", optional=True),
        Column("path", "string", optional=True, help="without the query string"),
        Column("duration_ms", "Float64", "ms", optional=True, help="missing where its unit is not told"),
        Column("client", "string", optional=True, help="an address as it was logged: it may be a proxy's"),
        Column("exception", "string", optional=True, help="type at the head of a stack trace"),
        Column("trace", "string", optional=True, help="the record's lines after the first"),
        Column("raw_lines", "Int64", "lines", help="how many lines of the log are this record"),
        Column("first_line", "Int64", help="row of its first line in the table of lines"),
    ),
)

ERROR_RATE = Schema(
    "error rate",
    (
        *_SERVICE,
        Column("container", "string"),
        Column("start", "timestamp", optional=True, help="of the time bucket; missing for records without a time"),
        Column("bucket_s", "Float64", "s"),
        Column("requests", "Float64", "requests", optional=True, help="the denominator; missing where there is none"),
        Column("errors", "Float64", "requests", optional=True, help="requests answered with 5xx"),
        Column("error_rate", "Float64", "ratio", optional=True, help="errors over requests"),
        Column(
            "denominator",
            "string",
            help="where requests were counted: access records, or none (there were none, or not all lines are kept)",
        ),
        Column("error_records", "Int64", "records", help="records of level error or fatal, or with an exception"),
        Column("records", "Int64", "records"),
    ),
)

TEMPLATED = Schema("templated log records", (*RECORDS.columns, *_TEMPLATE))

TEMPLATES = Schema(
    "log templates",
    (
        *_SERVICE,
        *_TEMPLATE,
        Column("count", "Int64", "records"),
        Column("without_level", "Int64", "records", help="of those, whatever the others tell"),
        Column("first_seen", "timestamp", optional=True),
        Column("last_seen", "timestamp", optional=True),
        Column("levels", "list[string]", help="worst first"),
        Column("examples", "list[string]", help="the first three different messages"),
        Column("pods", "Int64", "pods"),
        Column("containers", "Int64", "containers"),
    ),
)

NOVELTY = Schema(
    "log novelty",
    (
        Column("change", "string", help="new, gone, more, less, same, or no baseline"),
        *_SERVICE,
        *_TEMPLATE,
        Column("levels", "list[string]", help="worst first"),
        Column("count", "Int64", "records", help="in the window"),
        Column("without_level", "Int64", "records", help="of those in the window"),
        Column("baseline_count", "Int64", "records"),
        Column("rate_per_min", "Float64", "1/min"),
        Column("baseline_rate_per_min", "Float64", "1/min", optional=True),
        Column("rate_ratio", "Float64", "times", optional=True, help="missing for a new template"),
        Column(
            "ratio_low",
            "Float64",
            "times",
            optional=True,
            help="of the 95 % interval; exact, if events are independent",
        ),
        Column("ratio_high", "Float64", "times", optional=True, help="missing where it has no bound"),
        Column(
            "baseline_min",
            "Float64",
            "min",
            help="how much of the baseline was read whole, and the service's records reach into",
        ),
        Column("first_seen", "timestamp", optional=True, help="in the window"),
        Column("example", "string", optional=True),
    ),
)

_CHANGE = (
    Column(
        "onset", "timestamp", help="of the first record at the new rate; without records, start of its first bucket"
    ),
    Column("onset_low", "timestamp", help="95 % interval of the onset, from the last record before it"),
    Column("onset_high", "timestamp", help="95 % interval of the onset"),
    Column("resolution_s", "Float64", "s", help="how fine the onset is known: the width of its interval"),
    Column("ratio", "Float64", "times", optional=True, help="rate after over rate before; missing where it was 0"),
    Column("p_value", "Float64", "ratio", help="chance of such a change anywhere in the series if nothing changed"),
)

ONSETS = Schema(
    "log onsets",
    (
        *_SERVICE,
        *_TEMPLATE,
        *_CHANGE,
        Column("before_per_min", "Float64", "1/min"),
        Column("after_per_min", "Float64", "1/min"),
        Column("levels", "list[string]", help="of the window's records that tell one, worst first"),
        Column(
            "quiet", "boolean", help="whether its records only inform: each of level info or below, none with an error"
        ),
    ),
)

ERROR_ONSETS = Schema(
    "error onsets",
    (
        *_SERVICE,
        Column("container", "string"),
        *_CHANGE,
        Column("before_error_rate", "Float64", "ratio"),
        Column("after_error_rate", "Float64", "ratio"),
    ),
)

BURSTS = Schema(
    "log bursts",
    (
        *_SERVICE,
        *_TEMPLATE,
        Column("start", "timestamp"),
        Column("end", "timestamp"),
        Column("count", "Int64", "records"),
        Column("expected", "Float64", "records", help="in as many minutes outside of bursts"),
        Column("p_value", "Float64", "ratio", help="chance of as many in any minute if they came evenly"),
    ),
)
