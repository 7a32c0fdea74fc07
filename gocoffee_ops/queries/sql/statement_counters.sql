-- How far have the counters of every statement of every role come, now?
-- Reads: pg_stat_statements, pg_stat_statements_info, pg_database. Needs: pg_read_all_stats.
SELECT
    s.queryid::text AS queryid,
    s.userid::bigint AS role_id,
    (d.datname = current_database()) AS here,
    sum(s.calls)::bigint AS calls,
    sum(s.total_exec_time) AS total_exec_ms,
    sum(s.rows)::bigint AS rows,
    i.stats_reset AS stats_reset_at,
    i.dealloc::bigint AS evicted,
    extract(epoch FROM statement_timestamp())::float8 AS at_s
FROM {schema}.pg_stat_statements_info AS i
LEFT JOIN {schema}.pg_stat_statements(showtext => false) AS s ON true
LEFT JOIN pg_database AS d ON d.oid = s.dbid
GROUP BY s.queryid, s.userid, here, i.stats_reset, i.dealloc
