-- In which schema and version is an extension installed in this database?
-- Reads: pg_extension, pg_namespace. Needs: nothing.
SELECT n.nspname::text AS schema, e.extversion::text AS version
FROM pg_extension AS e
JOIN pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = %(name)s
