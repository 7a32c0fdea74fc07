-- What did each service cost, by day and category?
-- Reads: bill. Values: $start, $end.
SELECT
    date_trunc('day', charge_start) AT TIME ZONE 'UTC' AS day,
    provider,
    service,
    charge_category,
    currency,
    CAST(sum(billed) AS DECIMAL(38, 12)) AS billed,
    CAST(sum(effective) AS DECIMAL(38, 12)) AS effective,
    CAST(CASE WHEN count(list) = count(*) THEN sum(list) END AS DECIMAL(38, 12)) AS list,
    count(*) AS rows
FROM bill
WHERE charge_start >= $start AND charge_start < $end
GROUP BY ALL
ORDER BY ALL
