"""The pages say what is so: examples load, tables are complete, links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gocoffee_ops import config
from gocoffee_ops.model import Thresholds
from gocoffee_ops.runbooks.lint import RULES

PROJECT = Path(__file__).parent.parent
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"), *(PROJECT / "reports").glob("*.md")])
EXAMPLES = [
    (page.name, text)
    for page in PAGES
    for text in re.findall(r"^```toml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize(("page", "text"), EXAMPLES, ids=[page for page, _ in EXAMPLES])
def test_a_configuration_that_a_page_shows_loads(tmp_path: Path, page: str, text: str) -> None:
    path = tmp_path / "gocoffee.toml"
    path.write_text(text)

    assert config.load_config(path).environments


def test_readme_and_reference_both_show_a_configuration() -> None:
    assert {"README.md", "configuration.md"} <= {page for page, _ in EXAMPLES}


def test_the_reference_lists_every_threshold_with_its_default() -> None:
    text = (PROJECT / "docs" / "configuration.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| (\w+) \| (.*) \| (.*) \|$", text, re.MULTILINE)

    assert rows == [(i.name, f"{i.default:g}", i.unit, i.help, i.source) for i in Thresholds.info()]


def test_the_reference_names_every_key_of_an_environment() -> None:
    text = (PROJECT / "docs" / "configuration.md").read_text()
    models = (
        config.Environment,
        config.ClusterConfig,
        config.DatabaseConfig,
        config.ElasticsearchConfig,
        config.EndpointConfig,
        config.GrafanaConfig,
        config.DependencyConfig,
        config.Limits,
        config.Prices,
        config.Budgets,
        config.Escalation,
        config.RedisConfig,
        config.AlertmanagerConfig,
        config.BillConfig,
        config.CostExplorerConfig,
        config.PrometheusConfig,
        config.MetricNames,
        config.OpenCostConfig,
        config.KubeCostConfig,
    )
    keys = {key for model in models for key in model.model_fields}

    assert {key for key in keys if not re.search(rf"`[^`]*\b{key}\b", text)} == set()


def test_the_design_lists_every_rule_of_the_lint() -> None:
    section = (PROJECT / "docs" / "design.md").read_text().split("## Notebook style")[1].split("\n## ")[0]

    assert re.findall(r"^\| (\w+) \| .+ \|$", section, re.MULTILINE) == list(RULES)


def test_the_design_places_every_module() -> None:
    layers = (PROJECT / "docs" / "design.md").read_text().split("## Layers")[1].split("\n## ")[0]
    modules = {
        path.stem
        for path in (PROJECT / "gocoffee_ops").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert {module for module in modules - {"__init__"} if f"`{module}`" not in layers} == set()


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(PROJECT)) for page in PAGES])
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []
