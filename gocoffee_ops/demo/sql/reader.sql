CREATE ROLE gocoffee_reader LOGIN;
GRANT pg_monitor TO gocoffee_reader;
