-- What answers: which server, which database, as whom, and what may that role do?
-- Reads: pg_settings, pg_roles, pg_database. Needs: nothing.
SELECT
    current_setting('server_version') AS version,
    current_setting('server_version_num')::bigint AS version_num,
    pg_postmaster_start_time() AS started_at,
    pg_is_in_recovery() AS in_recovery,
    current_database()::text AS name,
    current_user::text AS role,
    EXISTS (
        SELECT FROM pg_roles AS r WHERE r.rolsuper AND pg_has_role(current_user, r.oid, 'member')
    ) AS superuser,
    pg_has_role(current_user, 'pg_monitor', 'usage') AS can_monitor,
    pg_database_size(current_database()) / 1048576.0::float8 AS size_mib,
    current_setting('max_connections')::bigint AS max_connections
