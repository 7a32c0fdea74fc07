"""gocoffee.toml -> Environment: what is read, from where, and where OK ends.

The file is found at `$GOCOFFEE_CONFIG`, else as the nearest `gocoffee.toml` upward from the notebook, then from the working
folder. Without one only `demo` exists. A secret is never in the file: it comes from an environment variable or a file of its
own. A mistake names the key, what was given (never what looks like a secret) and what is allowed.
"""

from gocoffee_ops.config.costs import Budgets, CostSettings, Prices
from gocoffee_ops.config.environment import DEMO, Config, Contacts, Environment, Escalation, Limits
from gocoffee_ops.config.fields import in_seconds
from gocoffee_ops.config.reading import CONFIG_NAME, CONFIG_VARIABLE, environment, find_config, load_config
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
    HttpSystem,
    KubeCostConfig,
    MetricNames,
    OpenCostConfig,
    PrometheusConfig,
    RedisConfig,
    System,
)

__all__ = [
    "CONFIG_NAME",
    "CONFIG_VARIABLE",
    "DEMO",
    "AlertmanagerConfig",
    "BillConfig",
    "Budgets",
    "ClusterConfig",
    "Config",
    "Contacts",
    "CostExplorerConfig",
    "CostSettings",
    "DatabaseConfig",
    "DependencyConfig",
    "ElasticsearchConfig",
    "EndpointConfig",
    "Environment",
    "Escalation",
    "GrafanaConfig",
    "HttpSystem",
    "KubeCostConfig",
    "Limits",
    "MetricNames",
    "OpenCostConfig",
    "Prices",
    "PrometheusConfig",
    "RedisConfig",
    "System",
    "environment",
    "find_config",
    "in_seconds",
    "load_config",
]
