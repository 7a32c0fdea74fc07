"""Every check, made OK, WARN, CRIT and UNKNOWN from tables of the queries' own schemas."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from gocoffee_ops import checks
from gocoffee_ops.analysis import trends
from gocoffee_ops.analysis.logs.schemas import TEMPLATES
from gocoffee_ops.model import Status, Window
from gocoffee_ops.queries import (
    bills,
    changes,
    cluster,
    dashboards,
    database,
    endpoints,
    history,
    inside,
    log_store,
    network,
    workloads,
)
from gocoffee_ops.runbooks.orientation import ANSWERS
from tests.checks import cost_cases, log_tables, telemetry_cases
from tests.checks.tables import MOMENT, filled, judge, table, worst_of

NODE = {
    "node": "n1",
    "status": "Ready",
    "unschedulable": False,
    "kubelet_version": "v1.36.3",
    "server_version": "v1.36.3",
    "cpu_allocatable_millicores": 1000,
    "memory_allocatable_mib": 1000.0,
    "pods_allocatable": 100,
}
USED = {
    "pod": "p",
    "namespace": "go-coffee",
    "owner": "deployment/d",
    "cpu_millicores": 50.0,
    "memory_mib": 50.0,
    "cpu_request_millicores": 100,
    "memory_request_mib": 100.0,
    "cpu_of_request": 0.5,
    "memory_of_request": 0.5,
    "memory_of_limit": 0.5,
}
POD = {"pod": "p", "owner": "deployment/d", "finished": False, "status": "Running", "age_s": 9999.0}
RESTART = {"pod": "p", "container": "c", "owner": "deployment/d", "oom_killed": False, "exact": True}
DEPLOYMENT = {"deployment": "d", "desired": 3, "ready": 3, "updated": 3, "available": 3}
HPA = {**DEPLOYMENT, "hpa": "d", "hpa_able": True, "hpa_desired": 3, "hpa_max": 5}
EVENT = {"type": "Warning", "object": "pod/p", "reason": "BackOff", "message": "back-off", "count": 3}
SERVER = {"role": "gocoffee_reader", "superuser": False, "can_monitor": True, "version": "18.0"}
STATEMENT = {
    "queryid": "1",
    "statement": "SELECT 1",
    "calls": 9,
    "mean_exec_ms": 1.0,
    "total_exec_ms": 9e3,
    "share": 0.01,
}
TOTAL = {"queryid": "1", "statement": "SELECT 1", "calls": 9, "total_exec_ms": 9.0}
GONE = table(history.previous_statements, {"queryid": "1", "calls": 5, "total_exec_ms": 9.0})
SESSION = {"pid": 7, "backend_type": "client backend", "state": "active", "age_s": 1.0, "age_of": "query"}
BLOCKED = {"pid": 8, "root_pid": 7, "root_state": "idle in transaction", "root_application": "app", "waiting_s": 1.0}
INDEX = {"index": "i", "size_mib": 9.0, "scans": 5, "unique": False, "primary": False, "constraint": False}
PROBE = {"pod": "postgres-0", "container": "postgres", "probe": "pg_isready", "answers": True, "exit_code": 0}
TABLE = {"table": "orders", "live_tuples": 50_000, "autovacuum": True}


CUT_OFF = {"state": "disconnected", "lag_mib": 0.0}
PROBED: dict[str, Any] = {
    "url": "https://api.example.com/health",
    "status": 200,
    "samples": 5,
    "refused": False,
    "failed_at": "tcp",
    "reason": "nobody listens",
    "latency_median_ms": 40.0,
    "latency_p95_ms": 90.0,
    "certificate_left_days": 60.0,
    "certificate_ends_at": MOMENT,
}
BILL_FILE = {"file": "november.parquet", "rows": 9}
BILL_DAY = {"rows": 9, "currency": "USD", "estimated": False}
LATER = MOMENT + timedelta(days=1)
PAGE = {"status_page": "https://status.example.com"}
CASES = [
    ("answers_inside", Status.OK, [table(inside.probe, PROBE)]),
    ("answers_inside", Status.CRIT, [table(inside.probe, PROBE, PROBE | {"answers": False, "exit_code": 2})]),
    ("answers_inside", Status.UNKNOWN, [table(inside.probe, PROBE | {"answers": None, "exit_code": None})]),
    ("answers_inside", Status.UNKNOWN, [table(inside.probe)]),
    ("bill_files_sound", Status.OK, [table(bills.files, BILL_FILE)]),
    ("bill_files_sound", Status.WARN, [table(bills.files, BILL_FILE, BILL_FILE | {"repeated_rows": 1})]),
    ("bill_files_sound", Status.WARN, [table(bills.files, BILL_FILE | {"negative_quantities": 1})]),
    ("bill_files_sound", Status.WARN, [table(bills.files, BILL_FILE | {"missing_columns": ("ListCost",)})]),
    ("bill_files_sound", Status.WARN, [table(bills.files, BILL_FILE | {"rows": 0})]),
    ("bill_files_sound", Status.UNKNOWN, [table(bills.files)]),
    ("bill_days_present", Status.OK, [table(bills.periods, BILL_DAY, BILL_DAY | {"day": LATER, "estimated": True})]),
    ("bill_days_present", Status.OK, [table(bills.periods, BILL_DAY, BILL_DAY | {"currency": "EUR", "rows": 0})]),
    ("bill_days_present", Status.UNKNOWN, [table(bills.periods, BILL_DAY, BILL_DAY | {"day": LATER, "rows": 0})]),
    ("bill_days_present", Status.UNKNOWN, [table(bills.periods, BILL_DAY | {"estimated": True})]),
    ("bill_days_present", Status.UNKNOWN, [table(bills.periods)]),
    ("node_health", Status.OK, [table(cluster.nodes, NODE)]),
    ("node_health", Status.WARN, [table(cluster.nodes, NODE | {"unschedulable": True})]),
    ("node_health", Status.CRIT, [table(cluster.nodes, NODE | {"ready": False, "status": "NotReady"})]),
    ("node_health", Status.CRIT, [table(cluster.nodes, NODE | {"pressures": ("MemoryPressure=True",)})]),
    ("node_health", Status.CRIT, [table(cluster.nodes, NODE | {"kubelet_version": "v1.32.0"})]),
    ("node_health", Status.CRIT, [table(cluster.nodes, NODE | {"kubelet_version": "v1.37.0"})]),
    ("node_health", Status.UNKNOWN, [table(cluster.nodes)]),
    ("node_health", Status.UNKNOWN, [table(cluster.nodes, NODE | {"pressures": ("DiskPressure=Unknown",)})]),
    ("node_health", Status.UNKNOWN, [table(cluster.nodes, NODE | {"server_version": None})]),
    ("node_headroom", Status.OK, [table(cluster.nodes, NODE | {"cpu_requested_millicores": 849})]),
    ("node_headroom", Status.WARN, [table(cluster.nodes, NODE | {"cpu_requested_millicores": 850})]),
    ("node_headroom", Status.CRIT, [table(cluster.nodes, NODE | {"memory_requested_mib": 950.0})]),
    ("node_headroom", Status.CRIT, [table(cluster.nodes, NODE | {"pods": 100})]),
    ("node_headroom", Status.UNKNOWN, [table(cluster.nodes, NODE | {"ready": False})]),
    ("node_headroom", Status.UNKNOWN, [table(cluster.nodes, NODE | {"cpu_allocatable_millicores": 0})]),
    ("node_usage", Status.OK, [table(cluster.node_usage, {"cpu_of_allocatable": 0.1, "memory_of_allocatable": 0.79})]),
    ("node_usage", Status.WARN, [table(cluster.node_usage, {"cpu_of_allocatable": 0.8, "memory_of_allocatable": 0.1})]),
    ("node_usage", Status.CRIT, [table(cluster.node_usage, {"cpu_of_allocatable": 0.1, "memory_of_allocatable": 0.9})]),
    ("node_usage", Status.UNKNOWN, [table(cluster.node_usage)]),
    ("node_usage", Status.UNKNOWN, [table(cluster.node_usage, {"cpu_of_allocatable": None})]),
    ("replicas_fit", Status.OK, [table(workloads.replicas_that_fit, {"fits": 1})]),
    ("replicas_fit", Status.WARN, [table(workloads.replicas_that_fit, {"fits": 0, "bound_by": "cpu"})]),
    ("replicas_fit", Status.UNKNOWN, [table(workloads.replicas_that_fit)]),
    ("replicas_fit", Status.UNKNOWN, [table(workloads.replicas_that_fit, {"fits": None, "not_known": "volumes"})]),
    ("pods_ready", Status.OK, [table(cluster.pods, POD)]),
    ("pods_ready", Status.OK, [table(cluster.pods, POD, POD | {"finished": True, "ready": False})]),
    ("pods_ready", Status.WARN, [table(cluster.pods, POD | {"ready": False, "status": "Pending", "age_s": 10.0})]),
    ("pods_ready", Status.CRIT, [table(cluster.pods, POD | {"ready": False, "status": "Pending"})]),
    ("pods_ready", Status.CRIT, [table(cluster.pods, POD | {"ready": False, "status": "ErrImagePull", "age_s": 1.0})]),
    ("pods_ready", Status.UNKNOWN, [table(cluster.pods)]),
    ("pod_restarts", Status.OK, [table(workloads.restarts), table(cluster.pods, POD)]),
    (
        "pod_restarts",
        Status.OK,
        [table(workloads.restarts, RESTART | {"restarts": 40, "in_window_at_least": 0}), table(cluster.pods, POD)],
    ),
    (
        "pod_restarts",
        Status.WARN,
        [table(workloads.restarts, RESTART | {"restarts": 1, "in_window_at_least": 1}), table(cluster.pods, POD)],
    ),
    (
        "pod_restarts",
        Status.CRIT,
        [table(workloads.restarts, RESTART | {"restarts": 5, "in_window_at_least": 1}), table(cluster.pods, POD)],
    ),
    ("pod_restarts", Status.UNKNOWN, [table(workloads.restarts), table(cluster.pods)]),
    ("resources_declared", Status.OK, [table(cluster.pods, POD)]),
    ("resources_declared", Status.WARN, [table(cluster.pods, POD | {"containers_without_limits": 1})]),
    ("resources_declared", Status.UNKNOWN, [table(cluster.pods)]),
    ("usage_within_bounds", Status.OK, [table(cluster.pod_usage, USED)]),
    ("usage_within_bounds", Status.WARN, [table(cluster.pod_usage, USED | {"cpu_of_request": 1.5})]),
    ("usage_within_bounds", Status.WARN, [table(cluster.pod_usage, USED | {"memory_of_limit": 0.8})]),
    ("usage_within_bounds", Status.CRIT, [table(cluster.pod_usage, USED | {"memory_of_limit": 0.95})]),
    ("usage_within_bounds", Status.UNKNOWN, [table(cluster.pod_usage)]),
    ("usage_within_bounds", Status.UNKNOWN, [table(cluster.pod_usage, USED | {"memory_mib": None})]),
    ("requested_against_used", Status.OK, [table(cluster.pod_usage, USED)]),
    ("requested_against_used", Status.WARN, [table(cluster.pod_usage, USED | {"memory_mib": 24.0})]),
    ("requested_against_used", Status.UNKNOWN, [table(cluster.pod_usage, USED | {"cpu_millicores": None})]),
    ("requested_against_used", Status.UNKNOWN, [table(cluster.pod_usage)]),
    ("deployments_available", Status.OK, [table(workloads.deployments, HPA)]),
    ("deployments_available", Status.OK, [table(workloads.deployments, {"desired": 0, "ready": 0})]),
    ("deployments_available", Status.WARN, [table(workloads.deployments, DEPLOYMENT | {"ready": 2})]),
    ("deployments_available", Status.WARN, [table(workloads.deployments, DEPLOYMENT | {"updated": 2})]),
    ("deployments_available", Status.WARN, [table(workloads.deployments, HPA | {"hpa_desired": 5})]),
    ("deployments_available", Status.WARN, [table(workloads.deployments, HPA | {"hpa_able": False})]),
    ("deployments_available", Status.CRIT, [table(workloads.deployments, DEPLOYMENT | {"ready": 0})]),
    ("deployments_available", Status.UNKNOWN, [table(workloads.deployments, HPA | {"hpa_able": None})]),
    ("deployments_available", Status.UNKNOWN, [table(workloads.deployments)]),
    ("events_heard", Status.OK, [table(cluster.events), table(cluster.event_horizon, {"known_since": MOMENT})]),
    (
        "events_heard",
        Status.WARN,
        [table(cluster.events, EVENT), table(cluster.event_horizon, {"known_since": MOMENT})],
    ),
    ("events_heard", Status.UNKNOWN, [table(cluster.events), table(cluster.event_horizon, {"known_since": None})]),
    ("events_heard", Status.UNKNOWN, [table(cluster.events), table(cluster.event_horizon)]),
    ("reader_role", Status.OK, [table(database.server, SERVER)]),
    ("reader_role", Status.WARN, [table(database.server, SERVER | {"superuser": True})]),
    ("reader_role", Status.UNKNOWN, [table(database.server, SERVER | {"can_monitor": False})]),
    ("reader_role", Status.UNKNOWN, [table(database.server)]),
    ("statements_heavy", Status.OK, [table(database.statements, STATEMENT)]),
    ("statements_heavy", Status.WARN, [table(database.statements, STATEMENT | {"mean_exec_ms": 1000.0})]),
    ("statements_heavy", Status.WARN, [table(database.statements, STATEMENT | {"share": 0.3, "total_exec_ms": 1e3})]),
    ("statements_heavy", Status.OK, [table(database.statements, STATEMENT | {"share": 0.9, "total_exec_ms": 999.0})]),
    ("statements_heavy", Status.UNKNOWN, [table(database.statements)]),
    ("sessions_moving", Status.OK, [table(database.activity, SESSION, SESSION | {"state": "idle", "age_s": 1e6})]),
    ("sessions_moving", Status.WARN, [table(database.activity, SESSION | {"age_s": 300.0})]),
    ("sessions_moving", Status.CRIT, [table(database.activity, SESSION | {"age_s": 600.0})]),
    (
        "sessions_moving",
        Status.WARN,
        [table(database.activity, SESSION | {"state": "idle in transaction", "age_s": 60.0})],
    ),
    ("sessions_moving", Status.UNKNOWN, [table(database.activity, SESSION | {"state": None})]),
    ("sessions_moving", Status.UNKNOWN, [table(database.activity, SESSION | {"state": "disabled"})]),
    ("sessions_moving", Status.OK, [table(database.activity, evidence="nobody else is connected")]),
    ("sessions_moving", Status.UNKNOWN, [table(database.activity)]),
    ("nobody_blocked", Status.OK, [table(database.blocking), table(database.activity, SESSION)]),
    ("nobody_blocked", Status.OK, [table(database.blocking, BLOCKED), table(database.activity, SESSION)]),
    ("nobody_blocked", Status.OK, [table(database.blocking), table(database.activity, evidence="nobody else")]),
    (
        "nobody_blocked",
        Status.WARN,
        [table(database.blocking, BLOCKED | {"waiting_s": 10.0}), table(database.activity, SESSION)],
    ),
    (
        "nobody_blocked",
        Status.CRIT,
        [table(database.blocking, BLOCKED | {"waiting_s": 60.0}), table(database.activity, SESSION)],
    ),
    ("nobody_blocked", Status.UNKNOWN, [table(database.blocking), table(database.activity)]),
    (
        "connections_free",
        Status.OK,
        [table(database.connections, {"total": 77, "max_connections": 100, "reserved": 3})],
    ),
    (
        "connections_free",
        Status.WARN,
        [table(database.connections, {"total": 78, "max_connections": 100, "reserved": 3})],
    ),
    (
        "connections_free",
        Status.CRIT,
        [table(database.connections, {"total": 97, "max_connections": 100, "reserved": 3})],
    ),
    ("connections_free", Status.UNKNOWN, [table(database.connections, {"max_connections": 3, "reserved": 3})]),
    ("connections_free", Status.UNKNOWN, [table(database.connections)]),
    ("cache_hits", Status.OK, [table(database.cache_hit, {"ratio": 0.995})]),
    ("cache_hits", Status.WARN, [table(database.cache_hit, {"ratio": 0.98})]),
    ("cache_hits", Status.CRIT, [table(database.cache_hit, {"ratio": 0.5})]),
    ("cache_hits", Status.UNKNOWN, [table(database.cache_hit, {"ratio": None})]),
    ("cache_hits", Status.UNKNOWN, [table(database.cache_hit)]),
    ("replicas_follow", Status.OK, [table(database.replication), table(database.server, SERVER)]),
    ("replicas_follow", Status.OK, [table(database.replication, {"lag_s": 1.0}), table(database.server, SERVER)]),
    ("replicas_follow", Status.WARN, [table(database.replication, {"lag_s": 10.0}), table(database.server, SERVER)]),
    ("replicas_follow", Status.CRIT, [table(database.replication, {"lag_s": 60.0}), table(database.server, SERVER)]),
    ("replicas_follow", Status.WARN, [table(database.replication, {"lag_mib": 64.0}), table(database.server, SERVER)]),
    ("replicas_follow", Status.WARN, [table(database.replication, CUT_OFF), table(database.server, SERVER)]),
    ("replicas_follow", Status.UNKNOWN, [table(database.replication, {}), table(database.server, SERVER)]),
    ("replicas_follow", Status.UNKNOWN, [table(database.replication), table(database.server)]),
    ("settings_in_force", Status.OK, [table(database.settings), table(database.server, SERVER)]),
    (
        "settings_in_force",
        Status.WARN,
        [table(database.settings, {"pending_restart": True}), table(database.server, SERVER)],
    ),
    ("settings_in_force", Status.UNKNOWN, [table(database.settings), table(database.server)]),
    ("indexes_useful", Status.OK, [table(database.indexes, INDEX, INDEX | {"scans": 0, "constraint": True})]),
    ("indexes_useful", Status.WARN, [table(database.indexes, INDEX | {"scans": 0})]),
    ("indexes_useful", Status.WARN, [table(database.indexes, INDEX | {"valid": False})]),
    ("indexes_useful", Status.WARN, [table(database.indexes, INDEX | {"duplicate_of": "j"})]),
    ("indexes_useful", Status.UNKNOWN, [table(database.indexes)]),
    ("tables_indexed", Status.OK, [table(database.tables, TABLE | {"seq_scans": 9, "seq_rows": 450_000})]),
    ("tables_indexed", Status.WARN, [table(database.tables, TABLE | {"seq_scans": 10, "seq_rows": 500_000})]),
    ("tables_indexed", Status.UNKNOWN, [table(database.tables)]),
    ("tables_vacuumed", Status.OK, [table(database.tables, TABLE | {"dead_tuples": 2000, "dead_ratio": 0.1})]),
    ("tables_vacuumed", Status.WARN, [table(database.tables, TABLE | {"dead_tuples": 2000, "dead_ratio": 0.2})]),
    ("tables_vacuumed", Status.CRIT, [table(database.tables, TABLE | {"dead_tuples": 2000, "dead_ratio": 0.5})]),
    ("tables_vacuumed", Status.UNKNOWN, [table(database.tables)]),
    ("statements_slower", Status.UNKNOWN, [trends.statement_changes(table(database.statement_totals), GONE)]),
    ("wraparound_far", Status.OK, [table(database.wraparound, {"xid_share": 0.1})]),
    ("wraparound_far", Status.WARN, [table(database.wraparound, {"xid_share": 0.5})]),
    ("wraparound_far", Status.CRIT, [table(database.wraparound, {"mxid_share": 0.75})]),
    ("wraparound_far", Status.UNKNOWN, [table(database.wraparound)]),
    # Addresses; where the lines are drawn is in test_endpoints.
    ("endpoints_healthy", Status.OK, [table(endpoints.health, PROBED)]),
    ("endpoints_healthy", Status.WARN, [table(endpoints.health, PROBED | {"failed": 1, "failed_of_samples": 0.2})]),
    ("endpoints_healthy", Status.CRIT, [table(endpoints.health, PROBED | {"failed": 5, "failed_of_samples": 1.0})]),
    ("endpoints_healthy", Status.UNKNOWN, [table(endpoints.health)]),
    ("ingress_certificates", Status.OK, [table(network.ingresses), table(endpoints.health)]),
    ("ingress_certificates", Status.UNKNOWN, [table(network.ingresses, {"tls": True}), table(endpoints.health)]),
    ("endpoints_fast", Status.OK, [table(endpoints.health, PROBED)]),
    ("endpoints_fast", Status.WARN, [table(endpoints.health, PROBED | {"latency_p95_ms": 1_000.0})]),
    ("endpoints_fast", Status.CRIT, [table(endpoints.health, PROBED | {"latency_p95_ms": 5_000.0})]),
    ("endpoints_fast", Status.UNKNOWN, [table(endpoints.health, PROBED | {"latency_p95_ms": None})]),
    ("certificates_valid", Status.OK, [table(endpoints.health, PROBED)]),
    ("certificates_valid", Status.WARN, [table(endpoints.health, PROBED | {"certificate_left_days": 30.0})]),
    ("certificates_valid", Status.CRIT, [table(endpoints.health, PROBED | {"certificate_left_days": 7.0})]),
    ("certificates_valid", Status.UNKNOWN, [table(endpoints.health, PROBED | {"certificate_left_days": None})]),
    ("dependencies_reachable", Status.OK, [table(endpoints.dependencies, PROBED)]),
    ("dependencies_reachable", Status.WARN, [table(endpoints.dependencies, PROBED | {"failed_of_samples": 0.2})]),
    ("dependencies_reachable", Status.CRIT, [table(endpoints.dependencies, PROBED | {"failed_of_samples": 1.0})]),
    ("dependencies_reachable", Status.UNKNOWN, [table(endpoints.dependencies)]),
    ("providers_operational", Status.OK, [table(endpoints.provider_status, PAGE | {"indicator": "none"})]),
    ("providers_operational", Status.WARN, [table(endpoints.provider_status, PAGE | {"indicator": "minor"})]),
    ("providers_operational", Status.CRIT, [table(endpoints.provider_status, PAGE | {"indicator": "major"})]),
    ("providers_operational", Status.UNKNOWN, [table(endpoints.provider_status, PAGE | {"indicator": "splendid"})]),
]
ANSWER = {"target": "redis/sessions", "answers": True, "status": "OK", "said": None}
SILENT = ANSWER | {"answers": False, "said": "refused"}
CASES += [
    ("places_answer", Status.OK, [filled(ANSWERS, ANSWER)]),
    ("places_answer", Status.UNKNOWN, [filled(ANSWERS, ANSWER, SILENT | {"status": "UNKNOWN"})]),
    ("places_answer", Status.WARN, [filled(ANSWERS, ANSWER, SILENT | {"status": "WARN"})]),
    ("places_answer", Status.CRIT, [filled(ANSWERS, ANSWER, SILENT | {"status": "CRIT"})]),
    ("places_answer", Status.UNKNOWN, [filled(ANSWERS)]),
]
WINDOW = Window(MOMENT - timedelta(hours=1), MOMENT + timedelta(hours=1))
REVISION = {
    "deployment": "d",
    "revision": 7,
    "replicaset": "d-7",
    "newest": True,
    "desired": 2,
    "ready": 2,
    "images": ("d:7",),
}
OLDER = REVISION | {"revision": 6, "newest": False, "desired": 0, "ready": 0}
UNROLLED = {"deployment": "e", "revision": None, "newest": False, "replicaset": None, "ready": 0}
TEMPLATE = {"service": "orders", "template": "could not reserve <num>", "levels": ("error",), "count": 3}
DELTA = {"queryid": "1", "statement": "SELECT 1", "calls": 9, "mean_exec_ms": 1.0, "window_s": 1.0}
STORED = {"service": "orders", "line": "panic", "level": "error", "time": MOMENT}
STORE = {"index": "logs-*", "lines": 9, "oldest_at": MOMENT - timedelta(hours=2), "newest_at": MOMENT}
SET = {"controller": "statefulset/db", "revision": 3, "images": ("db:3",), "desired": 3, "pods": 3, "ready": 3}
CASES += [
    ("revisions_done", Status.OK, [table(changes.controller_revisions, SET, SET | {"newest": False, "pods": 0})]),
    ("revisions_done", Status.OK, [table(changes.controller_revisions)]),
    ("revisions_done", Status.OK, [table(changes.controller_revisions, SET | {"desired": 0, "pods": 0, "ready": 0})]),
    ("revisions_done", Status.OK, [table(changes.controller_revisions, SET | {"pods": 0, "kept_back": 3})]),
    ("revisions_done", Status.WARN, [table(changes.controller_revisions, SET | {"pods": 0, "kept_back": 2})]),
    ("revisions_done", Status.WARN, [table(changes.controller_revisions, SET | {"pods": 2})]),
    ("revisions_done", Status.WARN, [table(changes.controller_revisions, SET | {"ready": 2})]),
    ("revisions_done", Status.WARN, [table(changes.controller_revisions, SET | {"ready": 2, "kept_back": 3})]),
    ("revisions_done", Status.CRIT, [table(changes.controller_revisions, SET | {"ready": 0})]),
    ("revisions_done", Status.UNKNOWN, [table(changes.controller_revisions, SET | {"revision": None, "pods": 0})]),
    ("rollouts_done", Status.OK, [table(changes.rollouts, UNROLLED | {"desired": 0, "wanted": 0})]),
    ("rollouts_done", Status.UNKNOWN, [table(changes.rollouts, UNROLLED | {"desired": 0, "wanted": 2})]),
    ("rollouts_done", Status.OK, [table(changes.rollouts, REVISION, OLDER)]),
    ("rollouts_done", Status.WARN, [table(changes.rollouts, REVISION | {"ready": 1}, OLDER)]),
    ("rollouts_done", Status.WARN, [table(changes.rollouts, REVISION, OLDER | {"desired": 1, "ready": 1})]),
    ("rollouts_done", Status.CRIT, [table(changes.rollouts, REVISION | {"ready": 0}, OLDER)]),
    ("rollouts_done", Status.UNKNOWN, [table(changes.rollouts)]),
    ("rollouts_done", Status.UNKNOWN, [table(changes.rollouts, REVISION | {"newest": False})]),
    ("rollouts_done", Status.UNKNOWN, [table(changes.rollouts, REVISION, REVISION | UNROLLED)]),
    ("errors_logged", Status.OK, [filled(TEMPLATES, TEMPLATE | {"levels": ("info",)})]),
    ("errors_logged", Status.WARN, [filled(TEMPLATES, TEMPLATE)]),
    ("errors_logged", Status.UNKNOWN, [filled(TEMPLATES)]),
    ("errors_logged", Status.UNKNOWN, [filled(TEMPLATES, TEMPLATE | {"levels": (), "without_level": 3})]),
    ("statements_quick", Status.OK, [table(database.statement_delta, DELTA)]),
    ("statements_quick", Status.OK, [table(database.statement_delta)]),
    ("statements_quick", Status.WARN, [table(database.statement_delta, DELTA | {"mean_exec_ms": 2000.0})]),
    ("errors_stored", Status.OK, [table(log_store.lines), table(log_store.reach, STORE)]),
    ("errors_stored", Status.WARN, [table(log_store.lines, STORED), table(log_store.reach, STORE)]),
    ("errors_stored", Status.UNKNOWN, [table(log_store.lines), table(log_store.reach)]),
    ("dashboards_found", Status.OK, [table(dashboards.search, {"title": "Orders"})]),
    ("dashboards_found", Status.UNKNOWN, [table(dashboards.search)]),
]
CASES += telemetry_cases.CASES
CASES += log_tables.CASES
CASES += cost_cases.CASES


@pytest.mark.parametrize(
    ("check", "expected", "tables"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_check_reaches_its_status(check: str, expected: Status, tables: list[pd.DataFrame]) -> None:
    found = judge(getattr(checks, check), *tables)
    assert worst_of(found) is expected, found


@pytest.mark.parametrize(("check", "tables"), [(check, tables) for check, _, tables in CASES])
def test_one_thing_is_not_spoken_of_as_many(check: str, tables: list[pd.DataFrame]) -> None:
    for finding in judge(getattr(checks, check), *tables):
        assert not re.search(r"\b1 (?!(?:ms|series)\b)[a-z]+s\b", finding.reason), finding.reason


def test_every_check_can_say_unknown_but_the_news_of_changes() -> None:
    """A change is news, not a verdict; every other check has a table that makes it UNKNOWN."""
    unknown = {name for name, status, _ in CASES if status is Status.UNKNOWN}
    # Their tables are no single query's own: tests/checks/test_log_coverage.py, test_diagnosis.py, test_rightsizing.py;
    # tests/analysis/test_worth.py.
    apart = {"cluster_diagnosis", "logs_covered", "advice_held", "nodes_needed", "requests_sized", "usage_covered"}
    apart |= {"savings_bankable", "usage_up"}
    # What they need beside a table is given in tests/checks/test_windows.py and test_named.py.
    windowed = {"log_store_reaches", "servers_kept_running", "services_found"}
    news = {"changed_before_onset", "since_previous_run"}
    # That no statement ended is an answer: the server had nothing to do, or still does it.
    assert set(checks.__all__) - unknown - apart - windowed == news | {"statements_quick"}


def test_every_finding_is_one_sentence_with_a_subject() -> None:
    for name, _, tables in CASES:
        for finding in judge(getattr(checks, name), *tables):
            assert finding.check == name
            assert finding.subject
            assert finding.reason
            assert "\n" not in finding.reason
            assert "None" not in finding.reason
            assert "<NA>" not in finding.reason


def test_forty_pods_of_one_deployment_are_one_finding() -> None:
    pods = [POD | {"pod": f"p{i}", "ready": False, "status": "CrashLoopBackOff"} for i in range(40)]
    found = judge(checks.pods_ready, table(cluster.pods, *pods))
    assert [(f.subject, f.numbers["unready"]) for f in found] == [("deployment/d", 40)]


def test_a_session_that_waits_names_whom_it_waits_for() -> None:
    found = judge(checks.sessions_moving, table(database.activity, SESSION | {"age_s": 700.0, "blocked_by": ("41",)}))
    assert "waiting for 41" in found[0].reason
