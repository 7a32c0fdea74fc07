-- How far have the counters of every statement of this database come since they were last reset?
-- Reads: pg_stat_statements, pg_stat_statements_info, pg_database. Needs: pg_read_all_stats.
SELECT
    s.queryid::text AS queryid,
    coalesce(min(s.query), '') AS statement,
    sum(s.calls)::bigint AS calls,
    sum(s.total_exec_time) AS total_exec_ms,
    i.stats_reset AS stats_reset_at,
    i.dealloc::bigint AS evictions
FROM {schema}.pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid
CROSS JOIN {schema}.pg_stat_statements_info AS i
WHERE d.datname = current_database() AND coalesce(s.query, '') NOT LIKE '%%/* gocoffee-ops:%%'
GROUP BY s.queryid, i.stats_reset, i.dealloc
ORDER BY total_exec_ms DESC, s.queryid
