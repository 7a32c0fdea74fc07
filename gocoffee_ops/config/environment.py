"""An environment: the systems that are read together, with thresholds, deadlines, contacts and links."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import Field, PlainValidator, model_validator

from gocoffee_ops.config.costs import ANY, Budgets, CostSettings, Prices, Teams, one_place_each
from gocoffee_ops.config.fields import Length, Link, Many, Name, Seconds, Section, Workload, wrong
from gocoffee_ops.config.systems import (
    AlertmanagerConfig,
    BillConfig,
    ClusterConfig,
    CostExplorerConfig,
    DatabaseConfig,
    DependencyConfig,
    ElasticsearchConfig,
    EndpointConfig,
    GrafanaConfig,
    KubeCostConfig,
    OpenCostConfig,
    PrometheusConfig,
    RedisConfig,
    System,
    one_name_each,
)
from gocoffee_ops.model import WATCHDOG, Thresholds

DEMO = "demo"
LOWER_IS_WORSE = ("cache_hit", "certificate", "time_to_limit", "restarted")  # thresholds


class Escalation(Section):
    """Who is called for one severity, and how soon."""

    response_time: Length
    primary: str = Field(min_length=1)
    secondary: str = ""


class Contacts(Section):
    """The escalation matrix (severity -> who), and how each is reached (name -> address)."""

    escalation: dict[str, Escalation] = Field(default_factory=dict)
    addresses: dict[str, str] = Field(default_factory=dict)


class Limits(Section):
    """Deadlines; each bounds the ones before it."""

    query_deadline_s: Seconds = 30.0
    cell_deadline_s: Seconds = 300.0
    run_deadline_s: Seconds = 1_800.0

    @model_validator(mode="after")
    def _order(self) -> Self:
        if not self.query_deadline_s <= self.cell_deadline_s <= self.run_deadline_s:
            raise wrong(
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
        raise wrong("is not a table of thresholds", "name = number")
    known = {info.name: info for info in Thresholds.info()}
    for name, given in value.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise wrong(
                f"has no threshold {name!r}", f"did you mean {near[0]!r}?" if near else f"valid: {', '.join(known)}"
            )
        info = known[name]
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise wrong(f"{name} is {type(given).__name__}", f"a number ({info.unit})")
        if isinstance(info.default, int) and not isinstance(given, int):
            raise wrong(f"{name} is {given}", f"a whole number ({info.unit})")
        if not info.low <= given <= info.high:
            allowed = f"{info.low:g} to {info.high:g}" if info.unit == "ratio" else f"{info.low:g} or more"
            raise wrong(f"{name} is {given}", f"{allowed} ({info.unit})")
    overrides: dict[str, Any] = {k: type(known[k].default)(v) for k, v in value.items()}
    thresholds = Thresholds(**overrides)
    for warn in (name for name in known if name.endswith("_warn") or "_warn_" in name):
        crit = warn.replace("_warn", "_crit")
        if crit in known:
            low, high = (crit, warn) if warn.startswith(LOWER_IS_WORSE) else (warn, crit)
            if getattr(thresholds, low) > getattr(thresholds, high):
                raise wrong(
                    f"{low} ({getattr(thresholds, low):g}) is above {high} ({getattr(thresholds, high):g})",
                    "a threshold that never warns hides what it should show",
                )
    return thresholds


class Environment(Section):
    """A named set of systems to read, with thresholds, deadlines, contacts and links."""

    name: Name
    clusters: Many[ClusterConfig] = ()
    databases: Many[DatabaseConfig] = ()
    endpoints: Many[EndpointConfig] = ()
    dependencies: Many[DependencyConfig] = ()
    redis: Many[RedisConfig] = ()
    alertmanagers: Many[AlertmanagerConfig] = ()
    prometheus: Many[PrometheusConfig] = ()
    elasticsearch: Many[ElasticsearchConfig] = ()
    grafana: Many[GrafanaConfig] = ()
    at_rest: Many[Workload] = ()
    watchdog: str = WATCHDOG
    prices: Prices | None = None
    budgets: Budgets | None = None
    teams: Teams = Field(default_factory=dict)
    opencosts: Many[OpenCostConfig] = ()
    kubecosts: Many[KubeCostConfig] = ()
    bills: Many[BillConfig] = ()
    cost_explorers: Many[CostExplorerConfig] = ()
    thresholds: Annotated[Thresholds, PlainValidator(_thresholds)] = Thresholds()
    contacts: Contacts = Contacts()
    limits: Limits = Limits()
    links: dict[str, Link] = Field(default_factory=dict)

    @property
    def demo(self) -> bool:
        """Whether this is the embedded environment that the package brings."""
        return self.name == DEMO

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for section, systems in self._sections():
            names = [system.name for system in systems]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise wrong(f"{section} names {twice[0]!r} twice", "one name for each")
        one_place_each(self.bills)
        one_name_each(self.clusters)
        clusters = {cluster.name for cluster in self.clusters}
        for workload in self.at_rest:
            cluster, _, rest = workload.partition("/")
            if rest.count("/") == 2 and cluster not in clusters:
                raise wrong(
                    f"at_rest: {workload!r} names cluster {cluster!r}",
                    f"one of {', '.join(sorted(clusters)) or 'none'}",
                )
        for cluster in (self.prices.control_plane_hour if self.prices else {}).keys() - {ANY} - clusters:
            raise wrong(
                f"prices.control_plane_hour names cluster {cluster!r}",
                f'"*" for any, or one of {", ".join(sorted(clusters)) or "none"}',
            )
        if not self.demo and not self.systems:
            raise wrong("has nothing to read", f"at least one of {', '.join(dict(self._sections()))}")
        return self

    @property
    def costs(self) -> CostSettings | None:
        """What it says about money; None when it says nothing."""
        billed_as = {cluster.name: cluster.billed_as for cluster in self.clusters if cluster.billed_as}
        given = CostSettings(prices=self.prices, budgets=self.budgets, teams=self.teams, billed_as=billed_as)
        return None if given == CostSettings() else given

    @property
    def systems(self) -> tuple[System, ...]:
        """Everything that is read, in the order of the sections."""
        return tuple(system for _, systems in self._sections() for system in systems)

    def _sections(self) -> Iterator[tuple[str, tuple[System, ...]]]:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, tuple) and name != "at_rest":
                yield name, value


class Config(Section):
    """One gocoffee.toml."""

    environments: dict[str, Environment]

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: Any) -> Any:
        given = data.get("environments") if isinstance(data, dict) else None
        if isinstance(given, dict):
            if DEMO in given:
                raise wrong("environments.demo is the package's own and cannot be configured", "another name")
            for body in given.values():
                if isinstance(body, dict) and "name" in body:
                    raise wrong(
                        "an environment's name is that of its table", "[environments.NAME], and no name key in it"
                    )
            named = {name: {**body, "name": name} if isinstance(body, dict) else body for name, body in given.items()}
            return {**data, "environments": named}
        return data
