-- Which indexes are there, how large, how used, and which says again what another one says?
-- Reads: pg_stat_user_indexes, pg_index, pg_class, pg_am, pg_constraint, pg_inherits, pg_stat_database. Needs: nothing.
WITH candidates AS (
    SELECT
        x.*,
        c.relam,
        c.relname,
        EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = x.indexrelid) AS constrained,
        EXISTS (SELECT FROM pg_inherits AS h WHERE h.inhrelid = x.indexrelid) AS attached,
        pg_get_expr(x.indexprs, x.indrelid) AS expressions,
        pg_get_expr(x.indpred, x.indrelid) AS predicate
    FROM pg_index AS x
    JOIN pg_class AS c ON c.oid = x.indexrelid AND c.relkind = 'i'
),
ranked AS (
    SELECT
        candidates.*,
        -- What something depends on stays; of the rest, the oldest does.
        row_number() OVER same AS place,
        first_value(relname) OVER same AS kept,
        first_value(indisvalid) OVER same AS kept_valid
    FROM candidates
    WINDOW same AS (
        PARTITION BY indrelid, relam, indkey::text, indnkeyatts, indclass::text, indcollation::text, indoption::text,
            expressions, predicate
        ORDER BY NOT indisvalid, NOT indisprimary, NOT constrained, NOT indisunique, NOT indisreplident, NOT attached,
            indexrelid
    )
)
SELECT
    s.schemaname::text AS schema,
    s.relname::text AS "table",
    s.indexrelname::text AS index,
    z.bytes / 1048576.0::float8 AS size_mib,
    s.idx_scan::bigint AS scans,
    s.last_idx_scan AS last_scan_at,
    r.indisunique AS unique,
    r.indisprimary AS primary,
    r.constrained AS constraint,
    r.indisvalid AS valid,
    r.attached AS partition,
    CASE
        WHEN r.place > 1 AND r.kept_valid AND NOT (
            r.indisunique OR r.indisprimary OR r.indisexclusion OR r.constrained OR r.indisreplident OR r.attached
        ) THEN r.kept::text
    END AS duplicate_of,
    p.relname::text AS prefix_of,
    pg_get_indexdef(s.indexrelid) AS definition,
    (SELECT d.stats_reset FROM pg_stat_database AS d WHERE d.datname = current_database()) AS stats_reset_at
FROM pg_stat_user_indexes AS s
JOIN ranked AS r ON r.indexrelid = s.indexrelid
JOIN pg_am AS m ON m.oid = r.relam
CROSS JOIN LATERAL (SELECT pg_relation_size(s.indexrelid) AS bytes) AS z
-- A longer b-tree that begins with the same columns can answer for a shorter one, at a higher cost.
LEFT JOIN LATERAL (
    SELECT o.relname
    FROM ranked AS o
    WHERE m.amname = 'btree'
        AND o.relam = r.relam
        AND o.indrelid = r.indrelid
        AND o.indexrelid <> r.indexrelid
        AND o.indisvalid
        AND NOT (r.indisunique OR r.indisprimary OR r.indisexclusion OR r.constrained OR r.indisreplident OR r.attached)
        AND o.indnkeyatts > r.indnkeyatts
        AND r.indnatts = r.indnkeyatts
        AND r.indexprs IS NULL
        AND o.predicate IS NOT DISTINCT FROM r.predicate
        AND (o.indkey::int2[])[0:r.indnkeyatts - 1] = (r.indkey::int2[])[0:r.indnkeyatts - 1]
        AND (o.indclass::oid[])[0:r.indnkeyatts - 1] = (r.indclass::oid[])[0:r.indnkeyatts - 1]
        AND (o.indcollation::oid[])[0:r.indnkeyatts - 1] = (r.indcollation::oid[])[0:r.indnkeyatts - 1]
        AND (o.indoption::int2[])[0:r.indnkeyatts - 1] = (r.indoption::int2[])[0:r.indnkeyatts - 1]
    ORDER BY o.indnkeyatts, o.indexrelid
    LIMIT 1
) AS p ON true
WHERE z.bytes IS NOT NULL
ORDER BY z.bytes DESC, 1, 2, 3
LIMIT %(limit)s
