"""A real environment with an incident in it: a bad release of the order service, told by every system that one reads."""

from tests.testbed.incident.environment import Incident, incident

__all__ = ["Incident", "incident"]
