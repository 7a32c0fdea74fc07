"""The go-coffee scenario: the platform's own workloads, healthy or with planted faults."""

from tests.testbed.scenario.load import load

__all__ = ["load"]
