"""What the keys of gocoffee.toml may hold: names, variables, paths, links, seconds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationInfo
from pydantic_core import PydanticCustomError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_OBJECT = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Section(BaseModel):
    """A table of gocoffee.toml: what it does not know is a mistake, and nothing is converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """Our own message, through pydantic; the braces are doubled as pydantic fills templates."""
    return PydanticCustomError("gocoffee", "{message}", {"message": message, "hint": hint})


def _of_bill(value: str) -> str:
    if value.split() != [value]:
        raise wrong("is no name or id of a bill", "one without spaces, as it stands there")
    return value


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise wrong("is not a name", "letters, digits, '.', '_' and '-', at most 63")
    return value


def _variable(value: str) -> str:
    if not VARIABLE.fullmatch(value):
        raise wrong(
            "is not the name of an environment variable", "letters, digits and '_'; the secret itself never stands here"
        )
    return value


def _path(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or value == "":
        raise wrong("is not a path", "a text in quotes; relative paths start at the configuration's folder")
    folder = (info.context or {}).get("folder", Path.cwd())
    return cast(Path, folder / Path(value).expanduser())


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s@]+", value):
        raise wrong("is not a link", "http:// or https://, without user and password")
    try:
        urlsplit(value).port  # noqa: B018 - it raises for one that is none
    except ValueError:
        raise wrong("is not a link, as its host or its port is none", "https://HOST, or https://HOST:PORT") from None
    return value


SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
_PART = rf"(\d+) ({'|'.join(SECONDS)})s?"


def in_seconds(length: str) -> int:
    """A length of time in words, in seconds; 0 for one that is not.

    >>> in_seconds("15 minutes"), in_seconds("1 hour 30 minutes"), in_seconds("soon")
    (900, 5400, 0)
    """
    if not re.fullmatch(rf"{_PART}( {_PART})*", length):
        return 0
    return sum(int(n) * SECONDS[unit] for n, unit in re.findall(_PART, length))


def _length(value: str) -> str:
    if not in_seconds(value):
        raise wrong("is not a length of time", "'15 minutes', '1 hour', '1 hour 30 minutes', '2 days'")
    return value


def _redis_url(value: str) -> str:
    if not re.fullmatch(r"rediss?://(\[[0-9a-fA-F:]+\]|[\w.-]+)(:\d{1,5})?/?", value):
        raise wrong(
            "is not the address of a Redis", "redis://HOST:PORT, or rediss:// with TLS, without user and password"
        )
    return value


def _workload(value: str) -> str:
    if not re.fullmatch(rf"({_OBJECT}/)?{_OBJECT}/(deployment|statefulset)/{_OBJECT}", value):
        raise wrong(
            "is not a workload",
            "NAMESPACE/deployment/NAME or NAMESPACE/statefulset/NAME, with CLUSTER/ before it for one",
        )
    return value


def _custom_resource(value: str) -> str:
    if not re.fullmatch(rf"{_LABEL}(\.{_LABEL}){{2,}}(/v[0-9]+((alpha|beta)[0-9]+)?)?", value) or len(value) > 253:
        raise wrong(
            "is not a custom resource",
            "PLURAL.GROUP as in 'certificates.cert-manager.io', with /VERSION behind it for one that is not the preferred one",
        )
    return value


def _bill_path(value: Any, info: ValidationInfo) -> Path | str:
    if isinstance(value, str) and "://" in value:
        if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^?#]*)?", value):
            raise wrong("is no place of a bill", "a folder, or s3://BUCKET/PREFIX")
        return value
    return _path(value, info)


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_:][A-Za-z0-9_:]*", value):
        raise wrong("is not the name of a metric or a label", "letters, digits, '_' and ':'")
    return value


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise wrong(f"is not a regular expression: {error}", '"5.."') from None
    return value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


T = TypeVar("T")
Name = Annotated[str, AfterValidator(_name)]
BillName = Annotated[str, AfterValidator(_of_bill)]  # what a bill calls something
Variable = Annotated[str, AfterValidator(_variable)]
FilePath = Annotated[Path, PlainValidator(_path)]
BillPath = Annotated[Path | str, PlainValidator(_bill_path)]  # a folder, or s3://BUCKET/PREFIX
Link = Annotated[str, AfterValidator(_url)]
Length = Annotated[str, AfterValidator(_length)]  # "15 minutes"; see `in_seconds`
RedisLink = Annotated[str, AfterValidator(_redis_url)]
Workload = Annotated[str, AfterValidator(_workload)]  # "shop/deployment/promo"
CustomResource = Annotated[str, AfterValidator(_custom_resource)]  # "certificates.cert-manager.io"
Identifier = Annotated[str, AfterValidator(_identifier)]
Pattern = Annotated[str, Field(min_length=1), AfterValidator(_pattern)]
Seconds = Annotated[float, Field(gt=0, le=7 * 86_400)]
Many = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
