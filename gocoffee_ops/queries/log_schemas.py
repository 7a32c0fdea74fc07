"""The tables of the log queries."""

from __future__ import annotations

from gocoffee_ops.analysis.logs import LOG_LINES
from gocoffee_ops.frames import Column, Schema

__all__ = ["LOG_COVERAGE", "LOG_LINES", "SHAPES"]

LOG_COVERAGE = Schema(
    "log coverage",
    (
        Column("cluster", "string"),
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("container", "string"),
        Column("owner", "string", optional=True, help="deployment/orders; missing for a pod of its own"),
        Column("role", "string", help="container, init, sidecar or ephemeral"),
        Column("previous", "boolean", help="the run before the last restart"),
        Column(
            "state",
            "string",
            help="read, cut (by a limit of the question), broken (off), none (there is no log) or refused",
        ),
        Column("reason", "string", optional=True, help="why it is not read whole"),
        Column("lines", "Int64", "lines", "read, within the window"),
        Column("kept_lines", "Int64", "lines", "of these, how many the table of lines holds"),
        Column("untimed_lines", "Int64", "lines"),
        Column("bytes", "Int64", "bytes", "read, times included"),
        Column(
            "sha256",
            "string",
            optional=True,
            help="of the window's lines as they came, times included; where some were to be read first, of those",
        ),
        Column("sha256_before", "string", optional=True, help="of the lines before those"),
        Column("window_start_at", "timestamp"),
        Column("window_end_at", "timestamp"),
        Column("oldest_at", "timestamp", optional=True, help="of the lines that were read"),
        Column("newest_at", "timestamp", optional=True),
        Column(
            "oldest_there_at",
            "timestamp",
            optional=True,
            help="the oldest line that the node still has, in the window or not",
        ),
        Column("started_at", "timestamp", optional=True, help="when this run of the container began"),
        Column("created_at", "timestamp", optional=True, help="when the pod was made"),
        Column(
            "owner_made_at",
            "timestamp",
            optional=True,
            help="when its owner was made; asked where none of the owner's pods is older than the window",
        ),
        Column("owner_first", "boolean", optional=True, help="whether the owner's template is still its first one"),
        Column(
            "covered",
            "boolean",
            optional=True,
            help="whether the log reaches back to the window's start; missing where it was silent, or rotated: nobody can tell",
        ),
    ),
)

SHAPES = Schema(
    "shapes of log lines that were not kept",
    (
        Column("cluster", "string"),
        Column("namespace", "string"),
        Column("pod", "string"),
        Column("container", "string"),
        Column("previous", "boolean"),
        Column("shape", "string", help="the line with its variable parts as <num>, <id>, <ip>"),
        Column("lines", "Int64", "lines", "of this shape, kept or not"),
    ),
)
