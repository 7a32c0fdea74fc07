-- How much of what this database reads comes from PostgreSQL's own cache?
-- Reads: pg_stat_database. Needs: nothing.
SELECT
    d.datname::text AS name,
    d.blks_hit::bigint AS hit_blocks,
    d.blks_read::bigint AS read_blocks,
    d.blks_hit::float8 / nullif(d.blks_hit + d.blks_read, 0) AS ratio,
    d.stats_reset AS stats_reset_at
FROM pg_stat_database AS d
WHERE d.datname = current_database()
