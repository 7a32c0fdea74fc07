"""The sessions that the demo holds open: a forgotten transaction, two that wait for it, and idle pool connections."""

from __future__ import annotations

from gocoffee_ops.demo.database import APP, APPLICATION_NAME, DATABASE, OWNER
from gocoffee_ops.demo.server import Server
from gocoffee_ops.demo.waiting import wait_until
from gocoffee_ops.demo.workload import DISPUTED_ORDER
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.postgres import Connection, connect

FORGETFUL = "payment-service"
WAITERS = ("coffee-service", "notification-service")
POOLS = (("coffee-service", 5), ("payment-service", 3), ("inventory-service", 2), ("notification-service", 1))
TAKE_ORDER = "UPDATE orders SET status = 'ready' WHERE id = $1"
DEADLINE_S = 20.0


class PlantedSessions:
    """The demo's sessions in their states; they stay so until somebody ends one."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._states: list[tuple[Connection, str]] = []

    def ensure(self) -> bool:
        """Open them all, unless they are there, and wait until each is in its state; returns whether any was not."""
        if self._states and self._are_intact():
            return False
        self.close()
        self._plant()
        return True

    def _plant(self) -> None:
        self._pool_connections()
        forgetful = self._open(FORGETFUL, "idle in transaction")
        forgetful.execute("BEGIN")
        forgetful.execute("UPDATE orders SET status = 'paid' WHERE id = %s", (DISPUTED_ORDER,))
        for number, service in enumerate(WAITERS, 1):
            waiter = self._open(service, "active")
            # Sent without waiting for the answer, which does not come while the forgotten transaction is open.
            waiter.pgconn.send_query_params(TAKE_ORDER.encode(), [str(DISPUTED_ORDER).encode()])
            self._await_blocked(number)

    def _pool_connections(self) -> None:
        for service, size in POOLS:
            for _ in range(size):
                self._open(service, "idle").execute("SELECT count(*) FROM products WHERE category = 'drink'")

    def _open(self, service: str, state: str) -> Connection:
        connection = connect(self._server.conninfo(APP, DATABASE), application_name=service, autocommit=True)
        self._states.append((connection, state))
        return connection

    def _await_blocked(self, number: int) -> None:
        with self._owner() as owner:

            def blocked() -> bool:
                row = owner.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE usename = %s AND wait_event_type = 'Lock' /* gocoffee-ops: demo */",
                    (APP,),
                ).fetchone()
                return row == (number,)

            wait_until(
                blocked, Deadline.after(DEADLINE_S), "block a session of the demo", target=f"order {DISPUTED_ORDER}"
            )

    def _owner(self) -> Connection:
        return connect(self._server.conninfo(OWNER, DATABASE), application_name=APPLICATION_NAME, autocommit=True)

    def _are_intact(self) -> bool:
        """Whether each session still exists and is in the state in which it was planted."""
        with self._owner() as owner:
            rows = owner.execute(
                "SELECT pid, state FROM pg_stat_activity WHERE usename = %s /* gocoffee-ops: demo */", (APP,)
            ).fetchall()
        found: dict[int, str] = dict(rows)
        return all(found.get(connection.info.backend_pid) == state for connection, state in self._states)

    def close(self) -> None:
        """End them all, the waiting ones first: else they would get their lock and count as very slow statements."""
        if not self._states:
            return
        waiting = [connection.info.backend_pid for connection, state in self._states if state == "active"]
        with self._owner() as owner:

            def gone() -> bool:
                row = owner.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                    " WHERE usename = %s AND pid = ANY(%s) /* gocoffee-ops: demo */",
                    (APP, waiting),
                ).fetchone()
                return row == (0,)

            wait_until(gone, Deadline.after(DEADLINE_S), "end the demo's waiting sessions", target=str(waiting))
        self.forget()

    def forget(self) -> None:
        """Close our ends of the connections of a server that is not there any more."""
        for connection, _ in self._states:
            connection.close()
        self._states.clear()
