-- Which days does the bill have, and which of them may still change?
-- Reads: bill. Values: $start, $end, $settled (what was charged after it may still change).
WITH days AS (SELECT unnest(generate_series($start, $end - INTERVAL 1 DAY, INTERVAL 1 DAY)) AS day),
charged AS (
    SELECT
        date_trunc('day', charge_start) AS day,
        currency,
        count(*) AS rows,
        sum(billed) AS billed,
        sum(effective) AS effective,
        max(charge_end) AS last_charge_at
    FROM bill
    WHERE charge_start >= $start AND charge_start < $end
    GROUP BY ALL
)
SELECT
    days.day AT TIME ZONE 'UTC' AS day,
    currency,
    coalesce(rows, 0) AS rows,
    CAST(billed AS DECIMAL(38, 12)) AS billed,
    CAST(effective AS DECIMAL(38, 12)) AS effective,
    last_charge_at AT TIME ZONE 'UTC' AS last_charge_at,
    days.day + INTERVAL 1 DAY > $settled AS estimated
FROM days LEFT JOIN charged USING (day)
ORDER BY ALL
