"""Whether an alert that fires in Prometheus is one that Alertmanager has, by its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Labels = Mapping[str, str]


def labels_of(row: Mapping[str, Any]) -> Labels:
    """An alert's labels, its name among them."""
    return named(row["labels"]) | {"alertname": row["alert"]}


def named(texts: Sequence[str]) -> dict[str, str]:
    """Labels that are written as name=value."""
    return dict(text.partition("=")[::2] for text in texts)


def matching(labels: Labels, known: Sequence[Labels]) -> list[Labels]:
    """Those alerts that may be this one: none of the labels that both have differs.

    On the way an alert gets the external labels of its Prometheus, and may lose others.

    >>> known = [{"alertname": "Down", "cluster": "eu"}, {"alertname": "Down", "service": "menu"}]
    >>> matching({"alertname": "Down", "service": "orders"}, known)
    [{'alertname': 'Down', 'cluster': 'eu'}]
    """
    return [one for one in known if all(one[name] == text for name, text in labels.items() if name in one)]
