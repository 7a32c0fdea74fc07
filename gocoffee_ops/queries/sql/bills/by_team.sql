-- What did each team's tag cost, by category?
-- Reads: bill. Values: $start, $end, $team (a JSON pointer to the tag).
WITH by_tags AS (  -- resources are fewer than rows, so that little JSON is read
    SELECT charge_category, currency, tags, sum(billed) AS billed, sum(effective) AS effective, count(*) AS rows
    FROM bill
    WHERE charge_start >= $start AND charge_start < $end
    GROUP BY ALL
)
SELECT
    nullif(json_extract_string(tags, $team), '') AS team,
    charge_category,
    currency,
    CAST(sum(billed) AS DECIMAL(38, 12)) AS billed,
    CAST(sum(effective) AS DECIMAL(38, 12)) AS effective,
    CAST(sum(rows) AS BIGINT) AS rows
FROM by_tags
GROUP BY ALL
ORDER BY ALL
