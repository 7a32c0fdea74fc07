-- What was charged, by day and by whatever tells charges apart?
-- Reads: bill. Values: $start, $end, $team (a JSON pointer to the tag), $most (groups that are told apart).
WITH grouped AS (
    SELECT
        date_trunc('day', charge_start) AS day,
        provider,
        coalesce(sub_account, billing_account) AS account,
        region,
        service,
        resource_id,
        resource_name,
        resource_type,
        charge_category,
        coalesce(charge_class, '') AS charge_class,
        coalesce(commitment, '') AS commitment,
        currency,
        sku_id,
        pricing_unit,
        usage_unit,
        tags,
        billing_account,
        billing_period_start,
        billing_period_end,
        invoice_issuer,
        publisher,
        host_provider,
        service_category,
        sum(billed) AS billed,
        sum(effective) AS effective,
        CASE WHEN count(list) = count(*) THEN sum(list) END AS list,
        CASE WHEN count(contracted) = count(*) THEN sum(contracted) END AS contracted,
        sum(pricing_quantity) AS pricing_quantity,
        sum(usage_quantity) AS usage_quantity,
        count(*) AS rows
    FROM bill
    WHERE charge_start >= $start AND charge_start < $end
    GROUP BY ALL
),
ranked AS (
    SELECT
        *,
        nullif(json_extract_string(tags, $team), '') AS team,
        row_number() OVER (
            ORDER BY greatest(abs(effective), abs(billed)) DESC, day, resource_id, sku_id, service, region, account, tags
        ) AS place
    FROM grouped
),
told_apart AS (
    SELECT
        day, provider, account, region, service, resource_id, resource_name, resource_type, charge_category, charge_class,
        commitment, currency, team,
        list_transform(
            list_sort(coalesce(json_keys(tags), [])),
            lambda key: concat(key, '=', json_extract_string(tags, concat('/', replace(replace(key, '~', '~0'), '/', '~1'))))
        ) AS tags,
        sku_id, pricing_quantity, pricing_unit, usage_quantity, usage_unit, billed, effective, list, contracted, rows,
        billing_account, billing_period_start, billing_period_end, invoice_issuer, publisher, host_provider, service_category,
        0 AS folded
    FROM ranked
    WHERE place <= $most
),
together AS (  -- what is too small to be told apart keeps its money, its team and its service
    SELECT
        day, provider, account, region, service,
        CAST(NULL AS VARCHAR) AS resource_id, CAST(NULL AS VARCHAR) AS resource_name, CAST(NULL AS VARCHAR) AS resource_type,
        charge_category, charge_class, commitment, currency, team,
        CAST([] AS VARCHAR[]) AS tags,
        CAST(NULL AS VARCHAR) AS sku_id,
        CAST(NULL AS DOUBLE) AS pricing_quantity, CAST(NULL AS VARCHAR) AS pricing_unit,
        CAST(NULL AS DOUBLE) AS usage_quantity, CAST(NULL AS VARCHAR) AS usage_unit,
        sum(billed) AS billed, sum(effective) AS effective,
        CASE WHEN count(list) = count(*) THEN sum(list) END AS list,
        CASE WHEN count(contracted) = count(*) THEN sum(contracted) END AS contracted,
        CAST(sum(rows) AS BIGINT) AS rows,
        billing_account, billing_period_start, billing_period_end, invoice_issuer, publisher, host_provider, service_category,
        count(*) AS folded
    FROM ranked
    WHERE place > $most
    GROUP BY ALL
)
SELECT
    * REPLACE (
        day AT TIME ZONE 'UTC' AS day,
        CAST(billed AS DECIMAL(38, 12)) AS billed,
        CAST(effective AS DECIMAL(38, 12)) AS effective,
        CAST(list AS DECIMAL(38, 12)) AS list,
        CAST(contracted AS DECIMAL(38, 12)) AS contracted,
        billing_period_start AT TIME ZONE 'UTC' AS billing_period_start,
        billing_period_end AT TIME ZONE 'UTC' AS billing_period_end
    )
FROM (SELECT * FROM told_apart UNION ALL SELECT * FROM together)
ORDER BY day, service, resource_id, sku_id, charge_category, team, account, region, billed
