-- The role that gocoffee-ops reads PostgreSQL with: pg_monitor, and nothing else. PostgreSQL 14 to 18.
--
-- Run it once in each database that is read, as a superuser or as a role with CREATEROLE and ADMIN OPTION on pg_monitor:
--
--     psql -d coffee -f deploy/reader.sql
--     psql -d coffee -c '\password gocoffee_reader'
--
-- It sets no password: until one is set, password authentication refuses the role. Running it again changes nothing.
--
-- The role reads statistics, settings and sessions of all roles; it cannot read a row of any table. It cannot end or
-- cancel others' sessions, reload, reset statistics, change settings of the server, or write a table: this is so by its
-- lack of privileges, not by the settings below, which a session may change for itself (under
-- default_transaction_read_only = on, a superuser's ALTER SYSTEM or pg_terminate_backend would still succeed).
--
-- What PostgreSQL grants to PUBLIC, every role has, this one too: temporary tables, large objects, messages in the WAL,
-- and on PostgreSQL 14 (or in a database that came from it) tables and functions in schema public. A warning names those
-- that hold here; deploy/reader-strict.sql takes them from PUBLIC, which concerns other roles too. For NOTIFY, advisory
-- locks, and a role's own password, settings and sessions, PostgreSQL has no privilege that could be taken.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gocoffee_reader') THEN
        CREATE ROLE gocoffee_reader;
    END IF;
END
$$;

-- A role of this name that can do more is somebody else's: stop, rather than read as a superuser.
DO $$
DECLARE
    more text;
BEGIN
    SELECT concat_ws(', ',
        CASE WHEN rolsuper THEN 'SUPERUSER' END,
        CASE WHEN rolcreatedb THEN 'CREATEDB' END,
        CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
        CASE WHEN rolreplication THEN 'REPLICATION' END,
        CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
        (
            SELECT 'member of ' || string_agg(g.rolname, ', ')
            FROM pg_auth_members AS m
            JOIN pg_roles AS g ON g.oid = m.roleid
            WHERE m.member = r.oid AND g.rolname <> 'pg_monitor'
        ))
    INTO more
    FROM pg_roles AS r
    WHERE r.rolname = 'gocoffee_reader';
    IF more <> '' THEN
        RAISE EXCEPTION 'role gocoffee_reader exists and can do more than read: %', more;
    END IF;
END
$$;

ALTER ROLE gocoffee_reader WITH LOGIN INHERIT CONNECTION LIMIT 10;

DO $$
BEGIN
    IF NOT pg_has_role('gocoffee_reader', 'pg_monitor', 'usage') THEN
        GRANT pg_monitor TO gocoffee_reader;
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO gocoffee_reader', current_database());
END
$$;

-- Manners, not protection: they bound what a forgotten session costs.
ALTER ROLE gocoffee_reader SET default_transaction_read_only = on;
ALTER ROLE gocoffee_reader SET statement_timeout = '60s';
ALTER ROLE gocoffee_reader SET lock_timeout = '10s';
ALTER ROLE gocoffee_reader SET idle_in_transaction_session_timeout = '60s';

DO $$
DECLARE
    schemas text;
BEGIN
    SELECT string_agg(quote_ident(nspname), ', ') INTO schemas
    FROM pg_namespace
    WHERE has_schema_privilege('gocoffee_reader', oid, 'CREATE') AND nspname !~ '^pg_temp_';
    IF schemas IS NOT NULL THEN
        RAISE WARNING 'gocoffee_reader can create tables in schema %: see deploy/reader-strict.sql', schemas;
    END IF;
    IF has_database_privilege('gocoffee_reader', current_database(), 'TEMPORARY') THEN
        RAISE WARNING 'gocoffee_reader can create temporary tables: see deploy/reader-strict.sql';
    END IF;
    IF has_function_privilege('gocoffee_reader', 'lo_create(oid)', 'EXECUTE') THEN
        RAISE WARNING 'gocoffee_reader can create large objects: see deploy/reader-strict.sql';
    END IF;
END
$$;
