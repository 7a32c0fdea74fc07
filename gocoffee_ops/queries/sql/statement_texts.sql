-- What are the texts of these statements, as each role wrote them?
-- Reads: pg_stat_statements, pg_database. Needs: pg_read_all_stats.
SELECT s.queryid::text AS queryid, s.userid::bigint AS role_id, coalesce(min(s.query), '') AS statement
FROM {schema}.pg_stat_statements AS s
JOIN pg_database AS d ON d.oid = s.dbid
WHERE d.datname = current_database()
    AND s.queryid = ANY (%(queryids)s::bigint[])
    AND coalesce(s.query, '') NOT LIKE '%%/* gocoffee-ops:%%'
GROUP BY s.queryid, s.userid
