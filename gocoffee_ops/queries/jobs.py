"""Do Jobs end well, and do CronJobs run?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gocoffee_ops.frames import Column, Schema
from gocoffee_ops.queries.listing import Lists
from gocoffee_ops.queries.objects import ago_s, by_type, controller, pairs, told
from gocoffee_ops.queries.query import Ask, Rows, query
from gocoffee_ops.sources.kubernetes import Cluster
from gocoffee_ops.sources.kubernetes.lists import CRON_JOBS
from gocoffee_ops.sources.kubernetes.lists import JOBS as JOB_KIND
from gocoffee_ops.sources.kubernetes.state_shapes import Write

SUSPEND = "f:suspend"

JOB_TABLE = Schema(
    "jobs",
    (
        Column("namespace", "string"),
        Column("job", "string"),
        Column("owner", "string", optional=True, help="cronjob/report; missing when it has none"),
        Column("state", "string", help="complete, failed, suspended or active"),
        Column("failure", "string", optional=True, help="why it failed, as its controller says"),
        Column("active", "Int64"),
        Column("succeeded", "Int64"),
        Column("failed", "Int64", help="pods that failed"),
        Column("completions", "Int64", help="how many are wanted", optional=True),
        Column("labels", "list[string]", help="of its pods"),
        Column("ended_s", "Float64", "s", "since it ended", optional=True),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", JOB_TABLE)
def runs(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which Jobs are there, did they end, and how?

    API: batch/v1 jobs. Permission: list them, in `namespace` or in the whole cluster. Raises SourceError; NotFound when
    there is no such namespace.
    """
    lists = Lists(ask)
    rows = []
    for one in lists.all(JOB_KIND, namespace=namespace):
        conditions = by_type(one.status.conditions)
        true = {kind: each for kind, each in conditions.items() if each.status == "True"}
        end = true.get("Failed") or true.get("Complete")
        state = "failed" if "Failed" in true else "complete" if "Complete" in true else "active"
        ended_at = one.status.completion_time or (end.last_transition_time if end else None)
        rows.append(
            {
                "namespace": one.metadata.namespace,
                "job": one.metadata.name,
                "owner": controller(one.metadata),
                "state": "suspended" if state == "active" and one.spec.suspend else state,
                "failure": told(true.get("Failed")),
                "active": one.status.active,
                "succeeded": one.status.succeeded,
                "failed": one.status.failed,
                "completions": one.spec.completions,
                "labels": pairs(one.spec.template.metadata.labels),
                "ended_s": ago_s(ended_at, ask.as_of),
                "age_s": ago_s(one.metadata.creation_timestamp, ask.as_of),
            }
        )
    return Rows(rows, notes=lists.notes())


CRON_JOB_TABLE = Schema(
    "cron jobs",
    (
        Column("namespace", "string"),
        Column("cronjob", "string"),
        Column("schedule", "string"),
        Column("time_zone", "string", optional=True),
        Column("suspended", "boolean"),
        Column("concurrency", "string", help="Allow, Forbid or Replace"),
        Column("active", "Int64", help="Jobs of it that run"),
        Column("labels", "list[string]", help="of its pods"),
        Column("starting_deadline_s", "Float64", "s", "how late a run may start; missing: ever so late", optional=True),
        Column(
            "suspend_written_at",
            "timestamp",
            optional=True,
            help="the last write that may have changed `suspend`: it is as it is since then; missing: not kept",
        ),
        Column(
            "suspend_alone",
            "boolean",
            optional=True,
            help="whether the program that wrote then has set nothing else of the spec",
        ),
        Column("last_scheduled_at", "timestamp", optional=True),
        Column("last_succeeded_at", "timestamp", optional=True),
        Column("last_scheduled_s", "Float64", "s", "since then", optional=True),
        Column("created_at", "timestamp"),
        Column("age_s", "Float64", "s"),
    ),
)


@query("cluster", CRON_JOB_TABLE)
def cronjobs(ask: Ask[Cluster], *, namespace: str = "") -> Rows:
    """Which CronJobs are there, when did they last start, and when did one last end well?

    API: batch/v1 cronjobs. Permission: list them, in `namespace` or in the whole cluster. Raises SourceError; NotFound
    when there is no such namespace.
    """
    lists = Lists(ask)
    rows = [
        {
            "namespace": one.metadata.namespace,
            "cronjob": one.metadata.name,
            "schedule": one.spec.schedule,
            "time_zone": one.spec.time_zone or None,
            "suspended": one.spec.suspend,
            "concurrency": one.spec.concurrency_policy,
            "active": len(one.status.active or ()),
            "labels": pairs(one.spec.job_template.spec.template.metadata.labels),
            "starting_deadline_s": one.spec.starting_deadline_seconds,
            **_suspended_by(one.metadata.managed_fields or ()),
            "last_scheduled_at": one.status.last_schedule_time,
            "last_succeeded_at": one.status.last_successful_time,
            "last_scheduled_s": ago_s(one.status.last_schedule_time, ask.as_of),
            "created_at": one.metadata.creation_timestamp,
            "age_s": ago_s(one.metadata.creation_timestamp, ask.as_of),
        }
        for one in lists.all(CRON_JOBS, namespace=namespace)
    ]
    return Rows(rows, notes=lists.notes())


def _suspended_by(writes: Iterable[Write]) -> dict[str, Any]:
    """The last write that may have changed `suspend`: of a program that owns it, or that applies a manifest, which may have
    said it until then."""
    owned = {
        one.time: set(one.fields.spec)
        for one in writes
        if one.time and not one.subresource and one.fields and one.fields.spec is not None
        if SUSPEND in one.fields.spec or one.operation == "Apply"
    }
    last = max(owned, default=None)
    return {"suspend_written_at": last, "suspend_alone": owned[last] == {SUSPEND} if last else None}
