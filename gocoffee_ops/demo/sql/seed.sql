-- A few 100,000 rows from a fixed seed, then what is quicker to make afterwards: foreign keys and indexes.
-- The times are fixed too: the same rows are made every time.

SELECT setseed(0.1729);

INSERT INTO customers (email, name, city, loyalty_points, created_at)
SELECT 'customer' || i || '@example.com',
       (ARRAY['Ada', 'Blaise', 'Carl', 'Dorothy', 'Emmy', 'Felix', 'Grace', 'Henri'])[1 + floor(random() * 8)::int]
           || ' ' || i,
       (ARRAY['Berlin', 'Lisbon', 'Melbourne', 'Oslo', 'Porto', 'Seattle', 'Trieste'])[1 + floor(random() * 7)::int],
       floor(random() * 2000)::int,
       timestamptz '2025-01-01 00:00+00' + i * interval '20 minutes'
FROM generate_series(1, 20000) AS i;

INSERT INTO products (sku, name, category, price)
SELECT 'GC-' || lpad(i::text, 4, '0'),
       (ARRAY['Espresso', 'Filter', 'Cold Brew', 'Cortado', 'Beans', 'Grinder'])[1 + i % 6] || ' no. ' || i,
       (ARRAY['drink', 'drink', 'drink', 'drink', 'beans', 'equipment'])[1 + i % 6],
       round((2 + random() * 40)::numeric, 2)
FROM generate_series(1, 200) AS i;

INSERT INTO orders (customer_id, status, channel, reference, total, created_at)
SELECT 1 + floor(random() * 20000)::bigint,
       (ARRAY['paid', 'paid', 'paid', 'paid', 'delivered', 'delivered', 'cancelled', 'refunded'])
           [1 + floor(random() * 8)::int],
       (ARRAY['app', 'web', 'counter'])[1 + floor(random() * 3)::int],
       'order/' || md5(i::text),
       round((3 + random() * 60)::numeric, 2),
       timestamptz '2025-06-01 00:00+00' + i * interval '45 seconds'
FROM generate_series(1, 150000) AS i;

INSERT INTO order_items (order_id, line, product_id, quantity, unit_price)
SELECT o, line, 1 + floor(random() * 200)::bigint, 1 + floor(random() * 4)::int,
       round((2 + random() * 40)::numeric, 2)
FROM generate_series(1, 150000) AS o, generate_series(1, 1 + o % 3) AS line;

INSERT INTO payments (order_id, provider, status, amount, created_at)
SELECT id, (ARRAY['stripe', 'paypal', 'cash'])[1 + id % 3], CASE WHEN status = 'refunded' THEN status ELSE 'settled' END,
       total, created_at + interval '30 seconds'
FROM orders
ORDER BY id;

INSERT INTO inventory (product_id, shop_id, on_hand, updated_at)
SELECT product, shop, 50 + floor(random() * 200)::int, timestamptz '2025-08-01 00:00+00'
FROM generate_series(1, 200) AS product, generate_series(1, 50) AS shop;

ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers;
ALTER TABLE order_items
    ADD FOREIGN KEY (order_id) REFERENCES orders,
    ADD FOREIGN KEY (product_id) REFERENCES products;
ALTER TABLE payments ADD FOREIGN KEY (order_id) REFERENCES orders;
ALTER TABLE inventory ADD FOREIGN KEY (product_id) REFERENCES products;

-- Fault: nothing asks for an order's reference.
CREATE INDEX orders_reference_idx ON orders (reference);
-- Fault: the same index twice.
CREATE INDEX payments_order_id_idx ON payments (order_id);
CREATE INDEX payments_order_idx ON payments (order_id);
CREATE INDEX inventory_on_hand_idx ON inventory (on_hand);

