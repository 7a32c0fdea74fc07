-- Who waits for a lock, who holds it, and what are both doing?
-- Reads: pg_stat_activity, pg_locks, pg_prepared_xacts, pg_class, pg_database. Needs: pg_read_all_stats.
WITH waiting AS (
    -- DISTINCT: pg_blocking_pids names a parallel group's leader once for each of its processes.
    SELECT a.pid, ARRAY(SELECT DISTINCT unnest(pg_blocking_pids(a.pid))) AS blockers
    FROM pg_stat_activity AS a
    WHERE a.wait_event_type = 'Lock'
),
involved AS (
    SELECT pid FROM waiting
    UNION
    SELECT unnest(blockers) FROM waiting
),
relations AS (
    SELECT c.oid, CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || c.relname AS name
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
)
SELECT
    i.pid::bigint AS pid,
    coalesce(w.blockers, ARRAY[]::integer[])::bigint[] AS blockers,
    -- greatest() on the clock, not on the age: it ignores NULL, and an unknown age must not become 0.
    extract(epoch FROM greatest(clock_timestamp(), l.since) - l.since)::float8 AS waiting_s,
    l.locktype AS lock_type,
    r.name AS relation,
    coalesce(a.application_name, '') AS application,
    a.state,
    extract(epoch FROM greatest(clock_timestamp(), g.began) - g.began)::float8 AS age_s,
    nullif(a.query, '') AS statement,
    p.gid AS prepared,
    extract(epoch FROM clock_timestamp() - p.prepared)::float8 AS prepared_age_s
FROM involved AS i
LEFT JOIN pg_stat_activity AS a ON a.pid = i.pid
LEFT JOIN waiting AS w ON w.pid = i.pid
CROSS JOIN LATERAL (
    SELECT CASE
        -- An aborted transaction has no xact_start any more: at least since it was aborted.
        WHEN a.state LIKE 'idle in transaction%%' THEN coalesce(a.xact_start, a.state_change)
        ELSE coalesce(a.query_start, a.backend_start)
    END AS began
) AS g
LEFT JOIN LATERAL (
    SELECT k.*, coalesce(k.waitstart, a.state_change) AS since
    FROM pg_locks AS k WHERE k.pid = i.pid AND NOT k.granted ORDER BY k.waitstart LIMIT 1
) AS l ON true
-- Who waits for a row waits for a transaction's end, and holds the row's tuple lock meanwhile: that one knows the table.
LEFT JOIN LATERAL (
    SELECT k.relation FROM pg_locks AS k
    WHERE k.pid = i.pid AND k.granted AND k.locktype = 'tuple' AND l.locktype = 'transactionid' LIMIT 1
) AS t ON true
LEFT JOIN relations AS r
    ON r.oid = coalesce(l.relation, t.relation)
    AND l.database IS NOT DISTINCT FROM
        CASE WHEN l.relation IS NULL THEN l.database ELSE (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()) END
-- A prepared transaction has no process: PostgreSQL calls it pid 0.
LEFT JOIN LATERAL (
    SELECT x.gid, x.prepared
    FROM pg_locks AS k
    -- Its locks share a virtualtransaction; the one on its own id says which prepared transaction that is.
    JOIN pg_locks AS o
        ON o.virtualtransaction = k.virtualtransaction AND o.locktype = 'transactionid' AND o.granted AND o.pid IS NULL
    JOIN pg_prepared_xacts AS x ON x.transaction = o.transactionid
    WHERE k.locktype = l.locktype AND k.granted AND k.pid IS NULL
        AND (k.database, k.relation, k.page, k.tuple, k.transactionid::text, k.classid, k.objid, k.objsubid)
            IS NOT DISTINCT FROM
            (l.database, l.relation, l.page, l.tuple, l.transactionid::text, l.classid, l.objid, l.objsubid)
    ORDER BY x.prepared LIMIT 1
) AS p ON 0 = ANY (w.blockers)
ORDER BY i.pid
