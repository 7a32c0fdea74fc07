"""Large results: ADBC's driver for PostgreSQL, whose rows become columns of Arrow without ever being Python objects.

It is the only importer of ADBC, which the extra `bulk` installs. What the driver would bend without a word is turned into
what it reads truly by the server itself: infinite times and those outside of Python's calendar are moved to its ends, as
everywhere in this source; numeric comes as float8 and an interval as its seconds; whatever else it could misread, as text.

Integers and oids are Int64, other numbers and intervals Float64, timestamptz `datetime64[us, UTC]`, timestamp and date
`datetime64[us]` without a zone, booleans boolean; the rest is string.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from gocoffee_ops.errors import DeadlineExceeded, Malformed, Unsupported
from gocoffee_ops.sources.deadline import Deadline
from gocoffee_ops.sources.postgres import translating
from gocoffee_ops.sources.postgres.connecting import Address, Connection

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

WHAT = "read a frame"
CONNECTING = "waiting for a session"
FIRST, LAST = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"


def _within(kind: str) -> sql.SQL:
    """A time of that kind, within Python's calendar; NULL stays NULL."""
    first, last = f"'{FIRST}'::{kind}", f"'{LAST}'::{kind}"
    kept, late, early = f"BETWEEN {first} AND {last} THEN {{c}}", f"> {last} THEN {last}", f"< {first} THEN {first}"
    return sql.SQL(f"CASE WHEN {{c}} {kept} WHEN {{c}} {late} WHEN {{c}} {early} END")


AS_IT_IS = sql.SQL("{c}")
AS_TEXT = sql.SQL("CASE WHEN num_nonnulls({c}) = 1 THEN concat({c}) END")  # a cast would write some types differently
FORMS: Mapping[str, sql.SQL] = {
    **dict.fromkeys(("bool", "int2", "int4", "int8", "float8", "text", "varchar"), AS_IT_IS),
    "oid": sql.SQL("{c}::int8"),
    "float4": sql.SQL("{c}::text::float8"),  # as it is written, not as it is stored
    "numeric": sql.SQL("{c}::float8"),
    "interval": sql.SQL("extract(epoch FROM {c})::float8"),
    "timestamptz": _within("timestamptz"),
    "timestamp": _within("timestamp"),
    "date": _within("timestamp"),
}


@dataclass(frozen=True)
class Asked:
    """A query as it is sent, with the names of the columns that it gives."""

    statement: str
    names: tuple[str, ...]


def asked(connection: Connection, query: str) -> Asked:
    """How a SELECT's columns are to be asked for; the server describes them, and reads no row."""
    inner = sql.SQL(f"\n{query.strip().rstrip(';')}\n")  # type: ignore[arg-type, unused-ignore]  # composed by the caller
    cursor = connection.execute(sql.SQL("SELECT * FROM ({}) AS question LIMIT 0").format(inner))
    described = cursor.description or ()
    forms = [_form(connection, column.type_code) for column in described]
    columns = [sql.Identifier(f"c{i}") for i in range(len(forms))]
    values = [
        sql.SQL("{} AS {}").format(form.format(c=column), column) for form, column in zip(forms, columns, strict=True)
    ]
    statement = sql.SQL("SELECT {} FROM ({}) AS question ({})").format(
        sql.SQL(", ").join(values), inner, sql.SQL(", ").join(columns)
    )
    return Asked(statement.as_string(connection), tuple(column.name for column in described))


def _form(connection: Connection, oid: int) -> sql.SQL:
    known = connection.adapters.types.get(oid)
    # Of an array's oid the registry answers with its element's type.
    return FORMS.get(known.name, AS_TEXT) if known is not None and known.oid == oid else AS_TEXT


def read(
    address: Address,
    question: Asked,
    settings: Callable[[], Mapping[str, str]],
    deadline: Deadline,
    *,
    application_name: str,
) -> pd.DataFrame:
    """The whole answer, in a read-only transaction of a connection of its own.

    `settings` are what is left for it, asked when it begins.
    The driver's waits cannot be interrupted from here: at the deadline it is told to cancel, and left behind.
    """
    reading = _Reading(address.conninfo(deadline, application_name=application_name), question, settings)
    outcome = reading.outcome(deadline)
    if outcome is None:
        raise DeadlineExceeded(
            WHAT,
            target=address.describe(),
            why=f"not complete after {deadline.seconds:g} s; last seen: {reading.seen}",
            hint="is it overloaded, or the network broken?",
        )
    if isinstance(outcome, BaseException):
        raise _translated(outcome, address.describe(), reading.seen, deadline) from None
    return _frame(outcome, question, address.describe())


class _Reading:
    """One reading, in a thread of its own."""

    def __init__(self, conninfo: str, question: Asked, settings: Callable[[], Mapping[str, str]]) -> None:
        self.seen = CONNECTING
        self._conninfo = conninfo
        self._question = question
        self._settings = settings
        self._connection: Any = None
        self._done: queue.SimpleQueue[pa.Table | BaseException] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=WHAT, daemon=True).start()

    def outcome(self, deadline: Deadline) -> pa.Table | BaseException | None:
        """What came of it; None at the deadline."""
        try:
            return self._done.get(timeout=max(deadline.left(), 0))
        except queue.Empty:
            if self._connection is not None:
                threading.Thread(target=self._connection.adbc_cancel, name=f"cancel: {WHAT}", daemon=True).start()
            return None

    def _run(self) -> None:
        try:
            self._done.put(self._table())
        except BaseException as error:  # noqa: BLE001 - raised by the one who waits
            self._done.put(error)

    def _table(self) -> pa.Table:
        try:
            import adbc_driver_postgresql.dbapi as adbc
        except ImportError as error:
            hint = "pip install 'gocoffee-ops[bulk]'"
            raise Unsupported(WHAT, why="ADBC's driver for PostgreSQL is not installed", hint=hint) from error
        with adbc.connect(self._conninfo) as self._connection, self._connection.cursor() as cursor:
            self.seen = "the connection was open"
            cursor.execute("SET TRANSACTION READ ONLY /* gocoffee-ops: begin */")
            calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in self._settings().items())
            cursor.execute(f"SELECT {calls} /* gocoffee-ops: time-outs */")
            cursor.fetchall()
            self.seen = "the question was sent, and no whole answer came"
            cursor.execute(self._question.statement)
            return cursor.fetch_arrow_table()


def _translated(error: BaseException, target: str, seen: str, deadline: Deadline) -> BaseException:
    """ADBC's error in our words; its own text quotes the statement."""
    details = dict(getattr(error, "details", None) or ())
    state = getattr(error, "sqlstate", None)
    if state is None and not type(error).__module__.startswith("adbc"):
        return error
    said = details.get(b"PG_DIAG_MESSAGE_PRIMARY", b"").decode(errors="replace")
    if not said:
        said = str(error).partition("\nQuery was:")[0].partition("[libpq] ")[2]
    if seen == CONNECTING:
        return translating.of_connecting_text(said.removeprefix("Failed to connect: "), target=target)
    return translating.of_state(state or "", said, WHAT, target=target, server_gave_up=translating.gave_up(deadline))


def _frame(table: pa.Table, question: Asked, target: str) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    dtypes: dict[pa.DataType, Any] = {
        pa.int16(): pd.Int64Dtype(),
        pa.int32(): pd.Int64Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.bool_(): pd.BooleanDtype(),
        pa.string(): pd.StringDtype(),
    }
    try:
        made: pd.DataFrame = table.to_pandas(types_mapper=dtypes.get, split_blocks=True)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        why = str(error).partition(": invalid value")[0]  # the value itself may be anybody's data
        raise Malformed(WHAT, target=target, why=why) from None
    made.columns = pd.Index(question.names)
    return made
