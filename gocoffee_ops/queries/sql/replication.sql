-- How far are this server's replicas behind it, and it behind its primary?
-- Reads: pg_stat_replication, pg_replication_slots, pg_stat_wal_receiver. Needs: pg_read_all_stats.
WITH here AS (
    SELECT
        pg_is_in_recovery() AS in_recovery,
        -- CASE: each of these functions raises, or answers NULL, on the other side.
        CASE WHEN pg_is_in_recovery()
            THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
            ELSE pg_current_wal_lsn()
        END AS lsn
)
SELECT
    coalesce(nullif(r.application_name, ''), 'pid ' || r.pid) AS replica,
    coalesce(host(r.client_addr), 'local') AS client,
    r.state,
    r.sync_state,
    extract(epoch FROM r.replay_lag)::float8 AS lag_s,
    (pg_wal_lsn_diff(h.lsn, r.replay_lsn) / 1048576)::float8 AS lag_mib,
    s.slot_name::text AS slot
FROM pg_stat_replication AS r
CROSS JOIN here AS h
LEFT JOIN pg_replication_slots AS s ON s.active_pid = r.pid
UNION ALL
-- A replica that is gone leaves no row above; its slot stays, and the primary keeps WAL for it.
SELECT
    s.slot_name::text, NULL, 'disconnected', 'none', NULL,
    (pg_wal_lsn_diff(h.lsn, s.restart_lsn) / 1048576)::float8,
    s.slot_name::text
FROM pg_replication_slots AS s
CROSS JOIN here AS h
WHERE NOT s.active AND NOT s.temporary
UNION ALL
SELECT
    coalesce(nullif(current_setting('cluster_name'), ''), 'this server'),
    NULL,
    coalesce(w.status, 'disconnected'),
    'standby',
    -- Nothing left to replay is no lag, however long ago the primary last wrote.
    CASE WHEN w.status = 'streaming' AND pg_last_wal_replay_lsn() >= w.latest_end_lsn THEN 0
        ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
    END::float8,
    (pg_wal_lsn_diff(w.latest_end_lsn, pg_last_wal_replay_lsn()) / 1048576)::float8,
    w.slot_name
FROM here AS h
LEFT JOIN pg_stat_wal_receiver AS w ON true
WHERE h.in_recovery
ORDER BY 6 DESC NULLS FIRST, 1
