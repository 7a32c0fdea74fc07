"""Tags as one JSON object, whatever shape an export gives them: an object, a map, or a list of keys with values."""

from __future__ import annotations

# `is_listed`: a JSON array whose every element has a key of text and a value. `object_of`: such an array as an object; of a key
# that is there twice, what the resource itself has goes before what it inherits (`x_inherited`), else the first.
# `tags_of`: most tags are an object, which one look at the first letter tells; whether it is a whole one, what reads it finds out.
MACROS = """
CREATE TEMP MACRO is_listed(given) AS list_aggregate(
    [true] || list_transform(
        CAST(CAST(given AS JSON) AS JSON[]),
        lambda one: coalesce(json_type(one, '$.key') = 'VARCHAR' AND json_exists(one, '$.value'), false)
    ),
    'bool_and'
);
CREATE TEMP MACRO is_tags(given) AS CASE
    WHEN NOT json_valid(given) THEN false
    WHEN json_type(given) = 'ARRAY' THEN is_listed(given)
    ELSE json_type(given) IN ('OBJECT', 'NULL')
END;
CREATE TEMP MACRO first_of_each(listed) AS list_filter(
    listed, lambda one, n: list_position(list_transform(listed, lambda other: other.key), one.key) = n
);
CREATE TEMP MACRO as_object(listed) AS CAST(
    to_json(map(list_transform(listed, lambda one: one.key), list_transform(listed, lambda one: one.value))) AS VARCHAR
);
CREATE TEMP MACRO own_first(listed) AS
    list_filter(listed, lambda one: NOT coalesce(one.x_inherited, false))
    || list_filter(listed, lambda one: coalesce(one.x_inherited, false));
CREATE TEMP MACRO object_of(given) AS as_object(
    first_of_each(own_first(from_json(given, '[{"key": "VARCHAR", "value": "VARCHAR", "x_inherited": "BOOLEAN"}]')))
);
CREATE TEMP MACRO tags_of(given) AS CASE
    WHEN given IS NULL OR starts_with(given, '{') THEN given
    WHEN NOT is_tags(given) THEN error('tags that are neither an object nor a list of keys with values')
    WHEN json_type(given) = 'ARRAY' THEN object_of(given)
    WHEN json_type(given) = 'OBJECT' THEN given
END;
"""
WRAPPED = (
    'STRUCT("list" STRUCT(element ',
    "STRUCT(list STRUCT(element ",
)  # a list of Parquet without its annotation, as BigQuery writes
NOT_TAGS = "is no JSON object, nor a list of objects with key and value"


def as_tags(value: str, kind: str) -> str:
    """A column of tags as the text of a JSON object; `kind` is its type in the file.

    >>> as_tags('"Tags"', "VARCHAR"), as_tags('"Tags"', "MAP(VARCHAR, VARCHAR)")
    ('tags_of(CAST("Tags" AS VARCHAR))', 'CAST(to_json("Tags") AS VARCHAR)')
    """
    return as_json(value, kind) if _keyed(kind) else f"tags_of({as_json(value, kind)})"


def broken_tags(value: str, kind: str) -> list[tuple[str, str]]:
    """What no tags may be: conditions of SQL over the file's column, with the words for each."""
    if _keyed(kind):
        return []
    text = as_json(value, kind)
    said = [(f"CASE WHEN json_valid({text}) THEN NOT is_tags({text}) ELSE false END", NOT_TAGS)]
    return [(f"NOT json_valid({text})", "is no JSON"), *said]


def as_json(value: str, kind: str) -> str:
    """A column of any type as the text of JSON; JSON that is text already stays as it is."""
    if kind in {"", "VARCHAR", "JSON"}:
        return f"CAST({value} AS VARCHAR)"
    if kind.startswith(WRAPPED):
        value = f"list_transform({value}.list, lambda one: one.element)"
    return f"CAST(to_json({value}) AS VARCHAR)"


def _keyed(kind: str) -> bool:
    """Whether duckdb's type has keys of its own, so that it is an object whatever it holds."""
    return not kind or (
        kind.startswith(("MAP(", "STRUCT(")) and not kind.endswith("]") and not kind.startswith(WRAPPED)
    )
