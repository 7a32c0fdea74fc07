"""Pure: tables and thresholds in, findings out.

A check always says something: what is not OK, or one OK that names what was looked at, or UNKNOWN where nothing was
read. `session.judge` passes the environment's thresholds and records the findings.
"""

from gocoffee_ops.checks.alerts import alerts_fired, alerts_quiet
from gocoffee_ops.checks.alerts_sent import alerts_sent
from gocoffee_ops.checks.bills import bill_days_present, bill_files_sound
from gocoffee_ops.checks.capacity import node_headroom, node_health, node_usage, replicas_fit
from gocoffee_ops.checks.changes import changed_before_onset, places_answer, since_previous_run, usage_up
from gocoffee_ops.checks.cost_allocators import allocators_agree
from gocoffee_ops.checks.cost_explorers import cost_explorer_agrees
from gocoffee_ops.checks.cost_outlook import budgets_kept, costs_usual, forecast_holds, nothing_orphaned
from gocoffee_ops.checks.cost_weeks import costs_steady
from gocoffee_ops.checks.costs import bill_reconciled, costs_covered, costs_tagged, nodes_used
from gocoffee_ops.checks.database import (
    cache_hits,
    connections_free,
    reader_role,
    replicas_follow,
    settings_in_force,
    statements_heavy,
    statements_quick,
    statements_slower,
)
from gocoffee_ops.checks.diagnosis import cluster_diagnosis
from gocoffee_ops.checks.endpoints import (
    certificates_valid,
    dependencies_reachable,
    endpoints_fast,
    endpoints_healthy,
    ingress_certificates,
    providers_operational,
)
from gocoffee_ops.checks.inside import answers_inside
from gocoffee_ops.checks.kept import dashboards_found, errors_stored, log_store_reaches
from gocoffee_ops.checks.log_coverage import logs_covered
from gocoffee_ops.checks.logs import error_rate_below, errors_logged, nothing_new_in_logs
from gocoffee_ops.checks.metrics import error_rate, latency, memory_trend, saturation
from gocoffee_ops.checks.named import services_found
from gocoffee_ops.checks.node_savings import nodes_needed, savings_bankable
from gocoffee_ops.checks.redis import redis_healthy, redis_memory, redis_replicas_follow
from gocoffee_ops.checks.rightsizing import advice_held, requests_sized, usage_covered
from gocoffee_ops.checks.rollouts import revisions_done, rollouts_done
from gocoffee_ops.checks.sessions import nobody_blocked, servers_kept_running, sessions_moving
from gocoffee_ops.checks.storage import indexes_useful, tables_indexed, tables_vacuumed, wraparound_far
from gocoffee_ops.checks.workloads import (
    deployments_available,
    events_heard,
    pod_restarts,
    pods_ready,
    requested_against_used,
    resources_declared,
    usage_within_bounds,
)

__all__ = [
    "advice_held",
    "alerts_fired",
    "alerts_quiet",
    "alerts_sent",
    "allocators_agree",
    "answers_inside",
    "bill_days_present",
    "bill_files_sound",
    "bill_reconciled",
    "budgets_kept",
    "cache_hits",
    "certificates_valid",
    "changed_before_onset",
    "cluster_diagnosis",
    "connections_free",
    "cost_explorer_agrees",
    "costs_covered",
    "costs_steady",
    "costs_tagged",
    "costs_usual",
    "dashboards_found",
    "dependencies_reachable",
    "deployments_available",
    "endpoints_fast",
    "endpoints_healthy",
    "error_rate",
    "error_rate_below",
    "errors_logged",
    "errors_stored",
    "events_heard",
    "forecast_holds",
    "indexes_useful",
    "ingress_certificates",
    "latency",
    "log_store_reaches",
    "logs_covered",
    "memory_trend",
    "nobody_blocked",
    "node_headroom",
    "node_health",
    "node_usage",
    "nodes_needed",
    "nodes_used",
    "nothing_new_in_logs",
    "nothing_orphaned",
    "places_answer",
    "pod_restarts",
    "pods_ready",
    "providers_operational",
    "reader_role",
    "redis_healthy",
    "redis_memory",
    "redis_replicas_follow",
    "replicas_fit",
    "replicas_follow",
    "requested_against_used",
    "requests_sized",
    "resources_declared",
    "revisions_done",
    "rollouts_done",
    "saturation",
    "savings_bankable",
    "servers_kept_running",
    "services_found",
    "sessions_moving",
    "settings_in_force",
    "since_previous_run",
    "statements_heavy",
    "statements_quick",
    "statements_slower",
    "tables_indexed",
    "tables_vacuumed",
    "usage_covered",
    "usage_up",
    "usage_within_bounds",
    "wraparound_far",
]
