"""The scenario's manifests, with the planted faults merged over the healthy base."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml

Variant = Literal["planted", "healthy"]
Manifest = dict[str, Any]

FOLDER = Path(__file__).parent


def manifests(variant: Variant) -> dict[str, list[Manifest]]:
    """Every manifest of the variant, by the base file that it comes from."""
    groups = {
        path.stem: list(yaml.safe_load_all(path.read_text())) for path in sorted((FOLDER / "base").glob("*.yaml"))
    }
    if variant == "planted":
        patches = list(yaml.safe_load_all((FOLDER / "planted.yaml").read_text()))
        by_name = {_key(one): one for group in groups.values() for one in group}
        for patch in patches:
            if _key(patch) in by_name:
                merge(by_name[_key(patch)], patch)
            else:
                groups["workloads"].append(patch)
    return groups


def revisions(variant: Variant) -> list[Manifest]:
    document: dict[str, list[Manifest]] = yaml.safe_load((FOLDER / "revisions.yaml").read_text())
    return document[variant]


def faults(variant: Variant) -> Manifest:
    """What befalls the variant after its pods are placed; nothing does in the healthy one."""
    none: Manifest = {
        "late": [], "cordoned": [], "conditions": [], "silent": [],
        "ready": {"deployments": {}, "daemonsets": {}}, "events": [],
    }  # fmt: skip
    if variant == "healthy":
        return none
    document: Manifest = yaml.safe_load((FOLDER / "faults.yaml").read_text())
    if document.keys() != none.keys():
        raise ValueError(f"faults.yaml has {sorted(document)}, not {sorted(none)}")
    return document


def merge(base: Manifest, patch: Manifest) -> None:
    """Put `patch` over `base` in place: mappings by key, lists of named things by name, null removes."""
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        elif isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        elif isinstance(value, list) and _named(value) and _named(base.get(key)):
            by_name = {one["name"]: one for one in base[key]}
            for one in value:
                if one["name"] in by_name:
                    merge(by_name[one["name"]], one)
                else:
                    base[key].append(one)
        else:
            base[key] = value


def _named(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and "name" in one for one in value)


def _key(manifest: Manifest) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]
