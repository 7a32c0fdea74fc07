-- The services' role: it works on the shop's tables and can change nothing else.

CREATE ROLE coffee_app LOGIN;
GRANT USAGE ON SCHEMA public TO coffee_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO coffee_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO coffee_app;
