"""A DataFrame as a table for people: escaped, with units and times stated, capped with the cap stated. Never Styler."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from gocoffee_ops.ui.style import wrap
from gocoffee_ops.ui.text import clip, duration, escaped

if TYPE_CHECKING:
    import pandas as pd

ROWS: Final = 20
WIDE: Final = 6  # columns; of a wider table, those that are the same in every row stand above it
NAME_CHARACTERS: Final = 56  # a name is not broken over lines; a sentence is given room
PHRASE_CHARACTERS: Final = 20  # a few words are not broken into a line each
LEAST: Final = Decimal("0.000001")  # what is less is what splitting an amount left
NOT_THERE: Final = "n/a"
NA: Final = f"<span class='gc-na'>{NOT_THERE}</span>"
SQL_CHARACTERS: Final = 1_500
TEXT_CHARACTERS: Final = 600
DEMO_BANNER: Final = "Demo data: nothing here is production."

_UNITS: Final = {
    "_mib": "MiB",
    "_millicores": "millicores",
    "_ms": "ms",
    "_percent": "%",
    "_bytes": "bytes",
    "_blocks": "blocks",
    "_days": "days",
}
_RATIOS: Final = ("ratio", "share", "error_rate", "throttled")
_SQL: Final = ("statement", "definition")
_NAMES: Final = ("pid", "version_num", "queryid", "exit_code")  # numbers that name something: no thousands separators


@dataclass(frozen=True)
class _Shown:
    """How one column is shown."""

    heading: str
    css: str
    cell: Callable[[Any], str]


class Table:
    """A DataFrame with more, or fewer, rows shown than usual: `Table(frame, rows=50)`."""

    def __init__(self, frame: pd.DataFrame, *, rows: int = ROWS) -> None:
        self.frame = frame
        self.rows = rows

    def _repr_html_(self) -> str:
        return html(self.frame, rows=self.rows)

    def __repr__(self) -> str:
        return self.frame.head(self.rows).to_string()


def html(frame: pd.DataFrame, *, rows: int = ROWS, demo: bool = False) -> str:
    """The table as HTML: what was not read, what was cut off and where it comes from stand on it.

    One whose rows add up to one of them has all of its rows, so that they are seen to.
    """
    rows = max(rows, len(frame)) if frame.attrs.get("adds_up") else rows
    same: dict[str, str] = {}
    if len(frame.columns) > WIDE:
        frame, same = _without_constants(frame)
    shown = frame.tail(rows) if frame.attrs.get("newest_last") else frame.head(rows)
    columns = [_column(str_name(n), shown.iloc[:, i], _nobody(frame, n)) for i, n in enumerate(frame.columns)]
    named = list(frame.index.names) != [None] or type(frame.index).__name__ != "RangeIndex"
    heads = [f"<th scope='col'>{escaped(n or '')}</th>" for n in frame.index.names] if named else []
    heads += [
        f"<th scope='col' class='{c.css}' title='{escaped(str_name(name))}'>{escaped(c.heading)}</th>"
        for c, name in zip(columns, frame.columns, strict=True)
    ]
    body = []
    for n in range(len(shown)):
        cells = [f"<th scope='row'>{_text(v)}</th>" for v in _index(shown.index[n])] if named else []
        cells += [f"<td class='{c.css}'>{c.cell(shown.iat[n, i])}</td>" for i, c in enumerate(columns)]
        body.append(f"<tr>{''.join(cells)}</tr>")
    banner = f"<p class='gc-demo'>{DEMO_BANNER}</p>" if demo else ""
    if frame.attrs.get("absent") and not len(frame):  # headings of nothing would only be in the way
        return wrap(f"{banner}<p class='gc-cap'>{_caption(frame, rows)}</p>")
    table = (
        f"<table class='gc-table'><caption><span class='gc-cap'>{_caption(frame, rows)}{_said(same)}</span></caption>"
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )
    return wrap(f"{banner}{_notes(frame)}<div class='gc-box'>{table}</div>")


def newest_last(frame: pd.DataFrame) -> pd.DataFrame:
    """The table by its column `time`, of which the newest rows are shown where there are more; rows without one stand before."""
    ordered = frame.sort_values("time", kind="stable", na_position="first", ignore_index=True)
    ordered.attrs = frame.attrs | {"newest_last": True}
    return ordered


def _without_constants(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str]]:
    """A wide table without the columns that say the same in each of its rows, and what these say."""
    same: dict[str, str] = {}
    kept: list[int] = []
    for i, name in enumerate(frame.columns):
        values = frame.iloc[:, i]
        column = _column(str_name(name), values, _nobody(frame, name))
        cells = {column.cell(value) for value in values} if len(frame) >= 3 else set()
        if len(cells) == 1:
            same[column.heading] = cells.pop()
        else:
            kept.append(i)
    return (frame.iloc[:, kept], same) if kept else (frame, {})


def _said(same: dict[str, str]) -> str:
    if not same:
        return ""
    told = "; ".join(f"{escaped(heading)}: <b>{cell}</b>" for heading, cell in same.items())
    return f"<br>In every row: {told}"


def str_name(name: object) -> str:
    """A column's name; of a column in levels, its parts joined."""
    return " / ".join(str(part) for part in name) if isinstance(name, tuple) else str(name)


def _index(value: Any) -> Sequence[Any]:
    return value if isinstance(value, tuple) else (value,)


def _caption(frame: pd.DataFrame, rows: int) -> str:
    query, columns = frame.attrs.get("query", ""), frame.attrs.get("columns", "")
    source = f"<code>{escaped(query)}</code> · " if query else ""
    part = f" · {columns}" if columns else ""
    part += f" · of {escaped(span)}" if (span := frame.attrs.get("span")) else ""
    total = len(frame)
    if total > rows:
        which = "newest" if frame.attrs.get("newest_last") else "first"
        return f"{source}{which} {rows:,} of {total:,} rows{part}"
    if (absent := frame.attrs.get("absent")) and not total:
        return f"{source}not in this report: {escaped(absent)}"
    if total == 0 and query and not frame.attrs.get("gaps"):
        return f"{source}0 rows: it was read, and there was nothing"
    return f"{source}{total:,} row{'' if total == 1 else 's'}{part}"


def _notes(frame: pd.DataFrame) -> str:
    gaps = "".join(f"<p class='gc-note gc-gap'><b>Not read:</b> {escaped(g)}</p>" for g in frame.attrs.get("gaps", ()))
    if absent := frame.attrs.get("absent"):
        gaps += f"<p class='gc-note gc-cut'><b>Not in this report:</b> {escaped(absent)}</p>"
    cuts = frame.attrs.get("truncated", ())
    return gaps + "".join(f"<p class='gc-note gc-cut'><b>Not all was read:</b> {escaped(t)}</p>" for t in cuts)


def _nobody(frame: pd.DataFrame, name: object) -> str:
    """What a table says that a missing cell of a column means: "(no team)"."""
    return str(frame.attrs.get("nobody", {}).get(str_name(name), NOT_THERE))


def _column(name: str, values: pd.Series[Any], nobody: str = NOT_THERE) -> _Shown:
    """What a column's name and dtype say of how to show it; `nobody` is what a missing text reads as."""
    dtype = str(values.dtype).lower()
    words = name.replace("_", " ")
    if dtype.startswith("datetime"):
        return _Shown(f"{words.removesuffix(' at')}, UTC", "gc-time", _missing(_time))
    if dtype in {"boolean", "bool"}:
        return _Shown(words, "", _missing(lambda v: "yes" if v else "no"))
    if dtype.startswith(("int", "uint", "float")):
        return _number(name, words, values, whole=not dtype.startswith("float"))
    if isinstance(next(iter(values.dropna()), None), Decimal):
        return _Shown(words, "gc-num", _missing(_money(values)))
    if name.endswith(_SQL):
        return _Shown(words, "", _missing(_sql))
    return _Shown(words, "", _missing(_text, nobody))


def _number(name: str, words: str, values: pd.Series[Any], *, whole: bool) -> _Shown:
    if name.endswith(_NAMES):
        return _Shown(words, "gc-num", _missing(lambda v: f"{v:g}" if isinstance(v, float) else str(v)))
    if not whole and (name.endswith(_RATIOS) or "_of_" in f"_{name}"):
        return _Shown(f"{words}, %", "gc-num", _missing(lambda v: _plain(100 * float(v), 1)))
    if name.endswith("_s") and not name.endswith("_per_s"):
        return _Shown(words.removesuffix(" s"), "gc-num", _missing(lambda v: escaped(duration(float(v)))))
    for suffix, unit in _UNITS.items():
        if name.endswith(suffix):
            words = f"{words[: -len(suffix)]}, {unit}"
    known = [abs(float(v)) for v in values.dropna() if math.isfinite(float(v))]
    top = max(known, default=0.0)
    digits = 0 if whole or all(v.is_integer() for v in known) else 1 if top >= 1000 else 2
    return _Shown(words, "gc-num", _missing(lambda v: _plain(v, digits)))


def _plain(value: float | Decimal, digits: int) -> str:
    if not math.isfinite(value):
        return f"{value}"
    text = f"{value:,.{digits}f}"
    # A small value is not nothing: it keeps two figures where its column would round it away.
    return f"{value:.2g}" if value and not float(text.replace(",", "")) else text


def _money(values: pd.Series[Any]) -> Callable[[Any], str]:
    """Amounts in hundredths, and prices of small units with more places; what splitting an amount left says so."""
    top = max((abs(v) for v in values.dropna()), default=Decimal(0))
    digits = 2 if top >= 1 or not top else 4 if top >= Decimal("0.01") else 6

    def shown(value: Decimal) -> str:
        if 0 < abs(value) < LEAST:
            return escaped(f"< {LEAST}" if value > 0 else f"> -{LEAST}")
        return _plain(value, digits)

    return shown


def _missing(cell: Callable[[Any], str], said: str = NOT_THERE) -> Callable[[Any], str]:
    def shown(value: Any) -> str:
        nan = isinstance(value, float) and math.isnan(value)
        if value is None or nan or type(value).__name__ in {"NAType", "NaTType"}:
            return f"<span class='gc-na gc-name'>{escaped(said)}</span>" if said != NOT_THERE else NA
        return cell(value)

    return shown


def _text(value: Any) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        return escaped(clip(", ".join(map(str, value)), TEXT_CHARACTERS)) or "<span class='gc-na'>none</span>"
    text = str(value)
    if not text:
        return "<span class='gc-na'>empty</span>"
    if len(text) <= NAME_CHARACTERS and not any(c.isspace() for c in text):
        return f"<span class='gc-name'>{escaped(text)}</span>"
    shown = escaped(_stated(text, TEXT_CHARACTERS))
    if len(text) > NAME_CHARACTERS:
        return f"<div class='gc-words'>{shown}</div>"
    return f"<div class='gc-phrase'>{shown}</div>" if len(text) > PHRASE_CHARACTERS else shown


def _sql(value: Any) -> str:
    return f"<div class='gc-sql' tabindex='0'>{escaped(_stated(str(value), SQL_CHARACTERS))}</div>"


def _stated(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters, the first {limit:,} shown)"


def _time(value: datetime) -> str:
    stamp = value.astimezone(UTC) if value.tzinfo else value
    return stamp.strftime("%Y-%m-%d %H:%M:%S")
