-- How large is every table, how is it read, and how well is it vacuumed?
-- Reads: pg_stat_user_tables, pg_class, pg_settings. Needs: nothing.
SELECT
    s.schemaname::text AS schema,
    s.relname::text AS "table",
    z.table_bytes / 1048576.0::float8 AS size_mib,
    z.index_bytes / 1048576.0::float8 AS indexes_mib,
    s.n_live_tup::bigint AS live_tuples,
    s.n_dead_tup::bigint AS dead_tuples,
    coalesce(s.n_dead_tup::float8 / nullif(s.n_live_tup + s.n_dead_tup, 0), 0) AS dead_ratio,
    s.seq_scan::bigint AS seq_scans,
    s.seq_tup_read::bigint AS seq_rows,
    s.idx_scan::bigint AS index_scans,
    NULL::timestamptz AS last_seq_scan_at,
    s.last_vacuum AS last_vacuum_at,
    s.last_autovacuum AS last_autovacuum_at,
    s.last_analyze AS last_analyze_at,
    s.last_autoanalyze AS last_autoanalyze_at,
    s.n_mod_since_analyze::bigint AS modified_since_analyze,
    current_setting('autovacuum')::boolean AND coalesce((
        SELECT o.option_value::boolean FROM pg_options_to_table(c.reloptions) AS o
        WHERE o.option_name = 'autovacuum_enabled'
    ), true) AS autovacuum
FROM pg_stat_user_tables AS s
JOIN pg_class AS c ON c.oid = s.relid AND c.relkind IN ('r', 'm')
CROSS JOIN LATERAL (SELECT pg_table_size(s.relid) AS table_bytes, pg_indexes_size(s.relid) AS index_bytes) AS z
-- Dropped since: the size functions answer NULL.
WHERE z.table_bytes IS NOT NULL AND z.index_bytes IS NOT NULL
ORDER BY z.table_bytes + z.index_bytes DESC, 1, 2
LIMIT %(limit)s
