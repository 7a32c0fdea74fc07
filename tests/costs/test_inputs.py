"""What the queries answer with is what the analysis reads: every column that it needs is there, and holds what it should."""

from __future__ import annotations

import pytest

from gocoffee_ops.analysis.costs import schemas
from gocoffee_ops.analysis.costs.reconciliation import TOTALS
from gocoffee_ops.frames import Schema
from gocoffee_ops.queries import bills, cost_objects, cost_settings, usage
from gocoffee_ops.queries.query import Query


@pytest.mark.parametrize(
    ("query", "needed"),
    [
        (bills.charges, schemas.CHARGES),
        (bills.periods, TOTALS),
        (usage.container_hours, schemas.CONTAINER_HOURS),
        (cost_objects.cost_nodes, schemas.NODES),
        (cost_objects.volumes, schemas.VOLUMES),
        (cost_objects.load_balancers, schemas.LOAD_BALANCERS),
        (cost_objects.containers, schemas.CONTAINERS),
        (cost_settings.prices, schemas.PRICES),
        (cost_settings.budgets, schemas.BUDGETS),
        (cost_settings.teams, schemas.TEAMS),
    ],
    ids=lambda value: value.name if isinstance(value, Schema) else "",
)
def test_a_querys_table_has_what_the_analysis_reads(query: Query[...], needed: Schema) -> None:
    given = {column.name: column for column in query.schema.columns}
    for column in needed.columns:
        theirs = given.get(column.name)
        if theirs is None:
            assert column.optional, f"{query.schema.name} has no {column.name}"
        else:
            assert theirs.dtype == column.dtype, column.name
            assert column.optional or not theirs.optional, f"{column.name} may be missing"
