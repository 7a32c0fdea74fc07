"""gocoffee.toml -> Environment: what is read, from where, and where OK ends.

The file is found at `$GOCOFFEE_CONFIG`, else as the nearest `gocoffee.toml` upward from the notebook, then from the working
folder. Without one only `demo` exists. A DSN is never in the file: it comes from an environment variable or a file of its
own. A mistake names the key, what was given (never what looks like a secret) and what is allowed.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from gocoffee_ops.errors import ConfigError, unknown_name
from gocoffee_ops.model import Thresholds

CONFIG_NAME = "gocoffee.toml"
CONFIG_VARIABLE = "GOCOFFEE_CONFIG"
DEMO = "demo"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SECRET_KEY = re.compile(r"dsn|passw|pwd|token|secret|key|credential|auth", re.IGNORECASE)


def _wrong(message: str, hint: str = "") -> PydanticCustomError:
    """Our own message, through pydantic; the braces are doubled as pydantic fills templates."""
    return PydanticCustomError("gocoffee", "{message}", {"message": message, "hint": hint})


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise _wrong("is not a name", "letters, digits, '.', '_' and '-', at most 63")
    return value


def _variable(value: str) -> str:
    if not VARIABLE.fullmatch(value):
        raise _wrong(
            "is not the name of an environment variable", "letters, digits and '_'; the DSN itself never stands here"
        )
    return value


def _path(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str | Path) or value == "":
        raise _wrong("is not a path", "a text in quotes; relative paths start at the configuration's folder")
    folder = (info.context or {}).get("folder", Path.cwd())
    return cast(Path, folder / Path(value).expanduser())


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s@]+", value):
        raise _wrong("is not a link", "http:// or https://, without user and password")
    return value


Name = Annotated[str, AfterValidator(_name)]
Variable = Annotated[str, AfterValidator(_variable)]
FilePath = Annotated[Path, PlainValidator(_path)]
Link = Annotated[str, AfterValidator(_url)]
Seconds = Annotated[float, Field(gt=0, le=7 * 86_400)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class ClusterConfig(_Model):
    """One Kubernetes cluster: a context of a kubeconfig, or the one that we run in."""

    name: Name
    context: str | None = Field(default=None, min_length=1)
    kubeconfig: FilePath | None = None
    in_cluster: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.in_cluster and (self.context or self.kubeconfig):
            raise _wrong("in_cluster stands beside context or kubeconfig", "in_cluster = true alone, or context")
        if not self.in_cluster and not self.context:
            raise _wrong("names no way to the cluster", 'context = "a context of the kubeconfig", or in_cluster = true')
        return self


class DatabaseConfig(_Model):
    """One PostgreSQL database; its DSN stands in an environment variable or in a file of its own."""

    name: Name
    dsn_env: Variable | None = None
    dsn_file: FilePath | None = None

    @model_validator(mode="before")
    @classmethod
    def _not_inline(cls, data: Any) -> Any:
        inline = (
            sorted({"dsn", "url", "uri", "conninfo", "password", "connection_string"} & set(data))
            if isinstance(data, dict)
            else []
        )
        if inline:
            raise _wrong(
                f"{inline[0]} stands inline: a configuration is shared and kept in git, a DSN must not be",
                'dsn_env = "NAME_OF_A_VARIABLE" or dsn_file = "path"',
            )
        return data

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.dsn_env is None) == (self.dsn_file is None):
            raise _wrong("needs one of dsn_env and dsn_file", 'dsn_env = "NAME_OF_A_VARIABLE" or dsn_file = "path"')
        return self


class Escalation(_Model):
    """Who is called for one severity, and how soon."""

    response_time: str = Field(min_length=1)
    primary: str = Field(min_length=1)
    secondary: str = ""


class Contacts(_Model):
    """The escalation matrix (severity -> who), and how each is reached (name -> address)."""

    escalation: dict[str, Escalation] = {}
    addresses: dict[str, str] = {}


class Limits(_Model):
    """Deadlines; each bounds the ones before it."""

    query_deadline_s: Seconds = 30.0
    cell_deadline_s: Seconds = 300.0
    run_deadline_s: Seconds = 1_800.0

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.query_deadline_s <= self.cell_deadline_s <= self.run_deadline_s:
            raise _wrong(
                f"query_deadline_s {self.query_deadline_s:g}, cell_deadline_s {self.cell_deadline_s:g} and "
                f"run_deadline_s {self.run_deadline_s:g} are out of order",
                "a query ends before its cell, a cell before its run",
            )
        return self


def _thresholds(value: Any) -> Thresholds:
    """Overrides by name on the defaults."""
    if isinstance(value, Thresholds):
        return value
    if not isinstance(value, dict):
        raise _wrong("is not a table of thresholds", "name = number")
    known = {info.name: info for info in Thresholds.info()}
    for name, given in value.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise _wrong(
                f"has no threshold {name!r}", f"did you mean {near[0]!r}?" if near else f"valid: {', '.join(known)}"
            )
        info = known[name]
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise _wrong(f"{name} is {type(given).__name__}", f"a number ({info.unit})")
        if isinstance(info.default, int) and not isinstance(given, int):
            raise _wrong(f"{name} is {given}", f"a whole number ({info.unit})")
        if not info.low <= given <= info.high:
            allowed = f"{info.low:g} to {info.high:g}" if info.unit == "ratio" else f"{info.low:g} or more"
            raise _wrong(f"{name} is {given}", f"{allowed} ({info.unit})")
    overrides: dict[str, Any] = {k: type(known[k].default)(v) for k, v in value.items()}
    thresholds = Thresholds(**overrides)
    for warn in (name for name in known if name.endswith("_warn") or "_warn_" in name):
        crit = warn.replace("_warn", "_crit")
        if crit in known:
            low, high = (crit, warn) if warn.startswith("cache_hit") else (warn, crit)
            if getattr(thresholds, low) > getattr(thresholds, high):
                raise _wrong(
                    f"{low} ({getattr(thresholds, low):g}) is above {high} ({getattr(thresholds, high):g})",
                    "a threshold that never warns hides what it should show",
                )
    return thresholds


class Environment(_Model):
    """A named set of places to read, with thresholds, deadlines, contacts and links."""

    name: Name
    clusters: Annotated[tuple[ClusterConfig, ...], BeforeValidator(_as_tuple)] = ()
    databases: Annotated[tuple[DatabaseConfig, ...], BeforeValidator(_as_tuple)] = ()
    thresholds: Annotated[Thresholds, PlainValidator(_thresholds)] = Thresholds()
    contacts: Contacts = Contacts()
    limits: Limits = Limits()
    links: dict[str, Link] = {}

    @property
    def demo(self) -> bool:
        """Whether this is the embedded environment that the package brings."""
        return self.name == DEMO

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for kind, places in (("clusters", self.clusters), ("databases", self.databases)):
            names = [place.name for place in cast(Sequence[ClusterConfig | DatabaseConfig], places)]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise _wrong(f"{kind} names {twice[0]!r} twice", "one name for each")
        if not self.demo and not (self.clusters or self.databases):
            raise _wrong("has nothing to read", "at least one [[…clusters]] or [[…databases]]")
        return self


class Config(_Model):
    """One gocoffee.toml."""

    environments: dict[str, Environment]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        given = data.get("environments") if isinstance(data, dict) else None
        if isinstance(given, dict):
            if DEMO in given:
                raise _wrong("environments.demo is the package's own and cannot be configured", "another name")
            for body in given.values():
                if isinstance(body, dict) and "name" in body:
                    raise _wrong(
                        "an environment's name is that of its table", "[environments.NAME], and no name key in it"
                    )
            named = {name: {**body, "name": name} if isinstance(body, dict) else body for name, body in given.items()}
            return {**data, "environments": named}
        return data


def find_config(start: Path | None = None) -> Path | None:
    """`$GOCOFFEE_CONFIG`, else the nearest gocoffee.toml upward from `start` (the notebook's folder), else from here."""
    if given := os.environ.get(CONFIG_VARIABLE):
        path = Path(given).expanduser()
        if not path.is_file():
            raise ConfigError("read the configuration", target=given, why=f"${CONFIG_VARIABLE} names no file")
        return path
    for origin in ([start] if start else []) + [Path.cwd()]:
        for folder in [origin.resolve(), *origin.resolve().parents]:
            path = folder / CONFIG_NAME
            if path.is_file():
                return path
    return None


def load_config(path: Path) -> Config:
    """Read and validate one gocoffee.toml; every mistake in it is named in one ConfigError."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError("read the configuration", target=str(path), why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError("read the configuration", target=str(path), why="it is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("read the configuration", target=str(path), why=f"not TOML: {error}") from error
    try:
        return Config.model_validate(data, context={"folder": path.absolute().parent})
    except ValidationError as error:
        mistakes = list(_mistakes(error))
        # `from None`: pydantic's own message would show what was given, secrets too.
        raise ConfigError("read the configuration", target=str(path), why="; ".join(mistakes)) from None


def environment(name: str, start: Path | None = None) -> Environment:
    """The environment of that name; without a configuration only `demo` exists."""
    if name == DEMO:
        return Environment(name=DEMO)
    path = find_config(start)
    if path is None:
        error = unknown_name("environment", name, [DEMO], ConfigError)
        raise ConfigError(error.what, why=f"there is no {CONFIG_NAME}, so only the demo exists", hint=error.hint)
    config = load_config(path)
    if name not in config.environments:
        error = unknown_name("environment", name, [*config.environments, DEMO], ConfigError)
        raise ConfigError(error.what, target=str(path), hint=error.hint)
    return config.environments[name]


def _mistakes(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        key = _key(detail["loc"])
        yield f"{key} {_said(detail)}" if key else _said(detail)


def _key(loc: Sequence[int | str]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _said(detail: ErrorDetails) -> str:
    """One mistake in our words: what was given, and what is allowed."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "gocoffee":
        hint = context["hint"]
        return str(context["message"]) + (f" (allowed: {hint})" if hint else "")
    if kind == "extra_forbidden":
        return f"is not a key here (allowed: {_allowed(detail['loc'])})"
    if kind == "missing":
        return "is missing"
    given = _shown(detail["loc"], detail["input"])
    return f"was given {given} (allowed: {_rule(kind, context)})"


def _allowed(loc: Sequence[int | str]) -> str:
    """The keys of the table that `loc` points into, the nearest one first."""
    model = _model_at(loc[:-1])
    names = [name for name in model.model_fields if not (model is Environment and name == "name")]
    near = difflib.get_close_matches(str(loc[-1]), names, n=1)
    return ", ".join(near + [name for name in names if name not in near])


def _model_at(loc: Sequence[int | str]) -> type[_Model]:
    named = {"clusters": ClusterConfig, "databases": DatabaseConfig, "contacts": Contacts, "limits": Limits}
    model: type[_Model] = Config
    for i, part in enumerate(loc):
        if i == 1 and loc[0] == "environments":
            model = Environment
        elif model is Environment and part in named:
            model = cast(type[_Model], named[str(part)])
        elif model is Contacts and part == "escalation":
            model = Escalation
    return model


def _rule(kind: str, context: Mapping[str, Any]) -> str:
    rules = {
        "string_type": "a text in quotes",
        "string_too_short": "a text that is not empty",
        "bool_type": "true or false",
        "float_type": "a number",
        "int_type": "a whole number",
        "dict_type": "a table",
        "model_type": "a table",
        "tuple_type": "a list of tables",
        "greater_than": f"more than {context.get('gt', 0):g}",
        "less_than_equal": f"at most {context.get('le', 0):g}",
    }
    return rules.get(kind, kind.replace("_", " "))


def _shown(loc: Sequence[int | str], value: Any) -> str:
    """What was given, unless it could be a secret."""
    text = repr(value)
    secret = any(SECRET_KEY.search(str(part)) for part in loc) or re.search(r"://|@|=|\bpassw", text)
    if secret or len(text) > 60 or isinstance(value, dict | list):
        return f"[hidden {type(value).__name__}]"
    return text
