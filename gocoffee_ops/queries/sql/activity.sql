-- What is every session but ours, or of one application, doing, since when, and who holds it up?
-- Reads: pg_stat_activity, pg_locks (through pg_blocking_pids). Needs: pg_read_all_stats.
WITH kinds AS (
    SELECT
        a.*,
        CASE
            WHEN a.backend_type NOT IN ('client backend', 'parallel worker', 'autovacuum worker', 'background worker')
                THEN 'backend'
            WHEN a.state IN ('active', 'fastpath function call') AND a.query_start IS NOT NULL THEN 'query'
            WHEN a.state LIKE 'idle in transaction%%' THEN 'transaction'
            WHEN a.state = 'idle' THEN 'idle'
            ELSE 'backend'
        END AS age_of
    FROM pg_stat_activity AS a
    WHERE a.pid <> pg_backend_pid()
        AND %(application)s::text IN ('', a.application_name)
        -- The server's own processes (checkpointer, launchers, writers) are connected to no database, and serve no client.
        AND (a.datid IS NOT NULL OR a.backend_type IN ('client backend', 'walsender'))
),
sessions AS (
    SELECT
        k.*,
        -- An idle session keeps its last query_start: its age is how long it has been idle.
        CASE k.age_of
            WHEN 'query' THEN k.query_start
            -- An aborted transaction has no xact_start any more: at least since it was aborted.
            WHEN 'transaction' THEN coalesce(k.xact_start, k.state_change)
            WHEN 'idle' THEN k.state_change
            ELSE k.backend_start
        END AS since
    FROM kinds AS k
)
SELECT
    s.pid::bigint AS pid,
    s.usename::text AS role,
    coalesce(s.application_name, '') AS application,
    coalesce(host(s.client_addr), s.client_hostname, CASE WHEN s.client_port = -1 THEN 'local' END) AS client,
    s.backend_type,
    s.state,
    s.wait_event_type,
    s.wait_event,
    -- greatest() on the clock, not on the age: it ignores NULL, and an unknown age must not become 0.
    extract(epoch FROM greatest(clock_timestamp(), s.since) - s.since)::float8 AS age_s,
    s.age_of,
    s.datname::text AS connected_to,
    s.backend_start AS backend_start_at,
    s.xact_start AS xact_start_at,
    s.query_start AS query_start_at,
    s.state_change AS state_change_at,
    CASE
        WHEN s.wait_event_type = 'Lock' THEN
            ARRAY(SELECT b::text FROM (SELECT DISTINCT unnest(pg_blocking_pids(s.pid)) AS b) AS x ORDER BY b)
        ELSE ARRAY[]::text[]
    END AS blocked_by,
    nullif(s.query, '') AS statement
FROM sessions AS s
ORDER BY s.backend_type <> 'client backend', s.age_of, age_s DESC, s.pid
