-- How many connections are open, by application, role and state, and how many could be?
-- Reads: pg_stat_activity, pg_settings. Needs: pg_read_all_stats.
SELECT
    coalesce(a.application_name, '') AS application,
    a.usename::text AS role,
    coalesce(a.state, 'unknown') AS state,
    count(*) AS connections,
    sum(count(*)) OVER ()::bigint AS total,
    current_setting('max_connections')::bigint AS max_connections,
    current_setting('superuser_reserved_connections')::bigint
        -- since PostgreSQL 16
        + coalesce(current_setting('reserved_connections', true)::bigint, 0) AS reserved
FROM pg_stat_activity AS a
WHERE a.backend_type = 'client backend'
GROUP BY 1, 2, 3
ORDER BY connections DESC, 1, 2, 3
