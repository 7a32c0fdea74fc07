"""Finding gocoffee.toml and reading it."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from pydantic import ValidationError

from gocoffee_ops.config.environment import DEMO, Config, Environment
from gocoffee_ops.config.mistakes import mistakes
from gocoffee_ops.errors import ConfigError, unknown_name

CONFIG_NAME = "gocoffee.toml"
CONFIG_VARIABLE = "GOCOFFEE_CONFIG"


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
        # `from None`: pydantic's own message would show what was given, secrets too.
        raise ConfigError("read the configuration", target=str(path), why="; ".join(mistakes(error))) from None


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
