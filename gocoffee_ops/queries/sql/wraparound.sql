-- How far is every database of the server from having to stop for want of transaction ids?
-- Reads: pg_database, pg_settings. Needs: nothing.
SELECT
    d.datname::text AS name,
    age(d.datfrozenxid)::bigint AS xid_age,
    age(d.datfrozenxid) / 2147483648::float8 AS xid_share,
    mxid_age(d.datminmxid)::bigint AS mxid_age,
    mxid_age(d.datminmxid) / 2147483648::float8 AS mxid_share,
    current_setting('autovacuum_freeze_max_age')::bigint AS freeze_max_age,
    current_setting('autovacuum_multixact_freeze_max_age')::bigint AS multixact_freeze_max_age
FROM pg_database AS d
ORDER BY greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) DESC, 1
