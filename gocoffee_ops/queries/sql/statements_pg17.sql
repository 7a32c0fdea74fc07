-- Which statements of this database take the server's time, calls, blocks or WAL?
-- Reads: pg_stat_statements, pg_stat_statements_info, pg_roles, pg_database. Needs: pg_read_all_stats.
WITH whole AS (
    SELECT sum(total_exec_time) AS exec_ms FROM {schema}.pg_stat_statements(showtext => false)
),
grouped AS (
    SELECT
        s.queryid,
        s.userid,
        coalesce(min(s.query), '') AS statement,
        sum(s.calls)::bigint AS calls,
        sum(s.total_exec_time) AS total_exec_ms,
        sum(s.total_exec_time) / nullif(sum(s.calls), 0) AS mean_exec_ms,
        max(s.max_exec_time) AS max_exec_ms,
        sum(s.rows)::bigint AS rows,
        sum(s.shared_blks_hit)::bigint AS shared_hit_blocks,
        sum(s.shared_blks_read)::bigint AS shared_read_blocks,
        sum(s.temp_blks_read + s.temp_blks_written)::bigint AS temp_blocks,
        sum(s.shared_blks_read + s.shared_blks_written + s.local_blks_read + s.local_blks_written
            + s.temp_blks_read + s.temp_blks_written)::bigint AS io_blocks,
        -- Without track_io_timing the server keeps zeros, which are not measurements.
        CASE WHEN current_setting('track_io_timing')::boolean THEN sum(s.shared_blk_read_time + s.shared_blk_write_time + s.local_blk_read_time + s.local_blk_write_time
            + s.temp_blk_read_time + s.temp_blk_write_time) END AS io_ms,
        sum(s.wal_bytes)::float8 / 1048576 AS wal_mib
    FROM {schema}.pg_stat_statements AS s
    JOIN pg_database AS d ON d.oid = s.dbid
    WHERE d.datname = current_database() AND coalesce(s.query, '') NOT LIKE '%%/* gocoffee-ops:%%'
    GROUP BY s.queryid, s.userid
)
SELECT
    g.queryid::text AS queryid,
    g.statement,
    r.rolname::text AS role,
    g.calls,
    g.total_exec_ms,
    coalesce(g.mean_exec_ms, 0) AS mean_exec_ms,
    g.max_exec_ms,
    g.rows,
    coalesce(g.total_exec_ms / nullif(w.exec_ms, 0), 0) AS share,
    g.shared_hit_blocks,
    g.shared_read_blocks,
    g.io_ms,
    g.temp_blocks,
    g.wal_mib,
    i.stats_reset AS stats_reset_at
FROM grouped AS g
CROSS JOIN whole AS w
CROSS JOIN {schema}.pg_stat_statements_info AS i
LEFT JOIN pg_roles AS r ON r.oid = g.userid
ORDER BY
    CASE %(by)s
        WHEN 'total' THEN g.total_exec_ms
        WHEN 'mean' THEN g.mean_exec_ms
        WHEN 'calls' THEN g.calls
        WHEN 'io' THEN g.io_ms
        WHEN 'wal' THEN g.wal_mib
    END DESC NULLS LAST,
    CASE %(by)s WHEN 'io' THEN g.io_blocks END DESC NULLS LAST,
    g.total_exec_ms DESC,
    g.queryid
LIMIT %(limit)s
