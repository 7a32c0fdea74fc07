-- The go-coffee shop's tables, with the faults that the weekly review is to find.
-- Made by the owner in an empty database, before seed.sql.

CREATE EXTENSION pg_stat_statements;

CREATE TABLE customers (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email          text NOT NULL UNIQUE,
    name           text NOT NULL,
    city           text NOT NULL,
    loyalty_points integer NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL
);

CREATE TABLE products (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku      text NOT NULL UNIQUE,
    name     text NOT NULL,
    category text NOT NULL,
    price    numeric(8, 2) NOT NULL
);

-- Fault: neither customer_id nor created_at has an index, and the coffee service looks orders up by both.
CREATE TABLE orders (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL,
    status      text NOT NULL,
    channel     text NOT NULL,
    reference   text NOT NULL,
    total       numeric(10, 2) NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE TABLE order_items (
    order_id   bigint NOT NULL,
    line       smallint NOT NULL,
    product_id bigint NOT NULL,
    quantity   smallint NOT NULL,
    unit_price numeric(8, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);

CREATE TABLE payments (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id   bigint NOT NULL,
    provider   text NOT NULL,
    status     text NOT NULL,
    amount     numeric(10, 2) NOT NULL,
    created_at timestamptz NOT NULL
);

-- Fault: nothing cleans this table up, and every stock movement rewrites its rows.
CREATE TABLE inventory (
    product_id bigint NOT NULL,
    shop_id    integer NOT NULL,
    on_hand    integer NOT NULL,
    reserved   integer NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (product_id, shop_id)
) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);

-- What the demo knows of its own workload: the services do not see it.
CREATE SCHEMA demo;
CREATE TABLE demo.workload_runs (
    stats_reset timestamptz NOT NULL
);
