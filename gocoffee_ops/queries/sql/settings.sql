-- Which settings of the server differ from their defaults, and which wait for a restart?
-- Reads: pg_settings, pg_db_role_setting, pg_roles. Needs: pg_read_all_settings.
WITH ours AS (
    -- What was set for our own role says nothing about the server.
    SELECT split_part(unnest(x.setconfig), '=', 1) AS name
    FROM pg_db_role_setting AS x
    JOIN pg_roles AS r ON r.oid = x.setrole
    WHERE r.rolname = current_user
)
SELECT
    s.name AS setting,
    -- reset_val: `setting` is what this very session set for itself.
    regexp_replace(
        s.reset_val, '(password|passwd|secret|token)(\s*=\s*)(''[^'']*''|"[^"]*"|\S+)', '\1\2[redacted]', 'gi'
    ) AS value,
    s.unit,
    s.boot_val AS default,
    CASE s.source WHEN 'session' THEN 'hidden by this session' ELSE s.source END AS source,
    s.context,
    s.pending_restart
FROM pg_settings AS s
WHERE s.reset_val IS NOT NULL
    AND s.context <> 'internal'
    AND s.name <> 'client_encoding'
    AND (
        s.pending_restart
        OR (
            s.reset_val IS DISTINCT FROM s.boot_val
            AND s.source NOT IN ('default', 'client', 'user', 'database user')
            AND s.name NOT IN (SELECT ours.name FROM ours)
        )
    )
ORDER BY s.name
