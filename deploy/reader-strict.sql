-- Takes from PUBLIC what lets every role write: tables in schema public (PostgreSQL 14), temporary tables, large objects,
-- messages in the WAL.
--
-- Optional, after deploy/reader.sql, in each database, as a superuser. It concerns every role that has these only
-- through PUBLIC: GRANT them to the roles that need them first, e.g.
--
--     GRANT CREATE ON SCHEMA public TO coffee_app;
--     GRANT TEMPORARY ON DATABASE coffee TO coffee_app;
--
-- What stays, since PostgreSQL has no privilege for it: NOTIFY, advisory locks, and a role's own password, settings and
-- sessions.

REVOKE CREATE ON SCHEMA public FROM PUBLIC;

DO $$
DECLARE
    writer regprocedure;
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    FOR writer IN
        SELECT oid::regprocedure FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
            AND proname IN ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import', 'lo_put', 'lo_truncate',
                'lo_truncate64', 'lo_unlink', 'lowrite', 'lo_open', 'pg_logical_emit_message')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', writer);
    END LOOP;
END
$$;
