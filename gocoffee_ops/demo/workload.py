"""The services' work, really run, so that the server's statistics hold true figures.

What is to be found in them: statements that are slow (the analytics service), statements that are quick and still take
the most time in all (the coffee service's look-ups without an index), sequential scans over orders, an index that
nothing uses, and dead rows in inventory, which nothing vacuums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gocoffee_ops.demo.database import APP, APPLICATION_NAME, DATABASE, OWNER
from gocoffee_ops.demo.server import Server
from gocoffee_ops.sources.postgres import connect

# The planted sessions fight over this order; the workload leaves it alone.
DISPUTED_ORDER = 4711


@dataclass(frozen=True)
class Step:
    """One statement of one service, run once for each of its argument lists."""

    service: str
    statement: str
    arguments: Sequence[tuple[object, ...]]


def steps() -> list[Step]:
    """The workload: the same statements with the same arguments every time."""
    days = [(f"2025-06-{1 + n % 28:02d}", f"2025-06-{2 + n % 28:02d}") for n in range(40)]
    return [
        Step(
            "coffee-service",
            "SELECT id, status, total, created_at FROM orders WHERE customer_id = %s ORDER BY created_at DESC LIMIT 20",
            [(1 + n * 41 % 20000,) for n in range(900)],
        ),
        Step(
            "coffee-service",
            "SELECT count(*), sum(total) FROM orders WHERE created_at >= %s::timestamptz AND created_at < %s::timestamptz",
            days,
        ),
        Step(
            "coffee-service",
            "SELECT name, city, loyalty_points FROM customers WHERE id = %s",
            [(1 + n * 17 % 20000,) for n in range(1500)],
        ),
        Step(
            "coffee-service",
            "SELECT i.line, p.name, i.quantity, i.unit_price FROM order_items i JOIN products p ON p.id = i.product_id"
            " WHERE i.order_id = %s ORDER BY i.line",
            [(5000 + n * 37,) for n in range(600)],
        ),
        Step(
            "payment-service",
            "SELECT id, provider, status, amount FROM payments WHERE order_id = %s",
            [(5000 + n * 41,) for n in range(500)],
        ),
        Step(
            "payment-service",
            "INSERT INTO payments (order_id, provider, status, amount, created_at)"
            " VALUES (%s, 'stripe', 'retried', 4.50, '2025-09-01 12:00+00')",
            [(9000 + n,) for n in range(200)],
        ),
        # Slow for want of the same index: for each order of a morning it reads all orders.
        Step(
            "analytics-service",
            "SELECT o.id, o.customer_id, o.total, (SELECT count(*) FROM orders e WHERE e.customer_id = o.customer_id"
            " AND e.created_at < o.created_at) AS orders_before FROM orders o"
            " WHERE o.created_at >= %s::timestamptz AND o.created_at < %s::timestamptz + interval '400 minutes'",
            [("2025-06-10 08:00+00",) * 2],
        ),
        Step(
            "analytics-service",
            "SELECT p.category, c.city, date_trunc('week', o.created_at) AS week, count(DISTINCT o.customer_id),"
            " sum(i.quantity * i.unit_price) FROM orders o JOIN order_items i ON i.order_id = o.id"
            " JOIN products p ON p.id = i.product_id JOIN customers c ON c.id = o.customer_id"
            " WHERE o.status <> %s AND o.id < 20000 GROUP BY p.category, c.city, week ORDER BY 5 DESC",
            [("cancelled",)],
        ),
        Step(
            "analytics-service",
            "SELECT o.reference, sum(i.quantity) FROM orders o JOIN order_items i ON i.order_id = o.id"
            " WHERE o.id < 50000 GROUP BY o.reference ORDER BY 2 DESC, 1 LIMIT %s",
            [(10,)],
        ),
        Step(
            "inventory-service",
            "SELECT product_id, shop_id FROM inventory WHERE on_hand < %s ORDER BY on_hand LIMIT 50",
            [(55 + n % 5,) for n in range(60)],
        ),
        Step(
            "inventory-service",
            "UPDATE inventory SET on_hand = on_hand + %s, updated_at = updated_at + interval '1 minute'",
            [(1,), (-1,), (2,), (-2,)],
        ),
    ]


def ensure_workload(server: Server, keep_going: Callable[[], None]) -> bool:
    """Run the workload unless the statistics of a run are still there; returns whether it ran.

    The server keeps its statistics over a clean stop and drops them after a crash, when their reset time changes.
    `keep_going` is called between steps and may raise to end the work.
    """
    with connect(server.conninfo(OWNER, DATABASE), application_name=APPLICATION_NAME, autocommit=True) as owner:
        present = owner.execute(
            "SELECT EXISTS (SELECT FROM demo.workload_runs JOIN pg_stat_statements_info USING (stats_reset))"
            " /* gocoffee-ops: demo */"
        ).fetchone()
        if present == (True,):
            return False
        owner.execute("SELECT pg_stat_reset()")
        owner.execute("VACUUM (ANALYZE)")
        owner.execute("SELECT pg_stat_statements_reset()")
        for step in steps():
            keep_going()
            run_step(server, step)
        owner.execute("TRUNCATE demo.workload_runs /* gocoffee-ops: demo */")
        owner.execute(
            "INSERT INTO demo.workload_runs SELECT stats_reset FROM pg_stat_statements_info /* gocoffee-ops: demo */"
        )
    return True


def run_step(server: Server, step: Step) -> None:
    """Run one step in a connection of its service; closing it also hands its figures to the statistics."""
    dsn = server.conninfo(APP, DATABASE)
    with connect(dsn, application_name=step.service, autocommit=True) as service:
        for values in step.arguments:
            service.execute(step.statement, values)
