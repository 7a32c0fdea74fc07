"""Environment -> places: each target with the way to read it, live, recorded or from a replayed bundle."""

from gocoffee_ops.places.demo import DEMO_BUNDLE, demo_thresholds
from gocoffee_ops.places.opened import Opened
from gocoffee_ops.places.opening import contacts_of, open_named, open_places
from gocoffee_ops.places.recorded import evidence_folder, replay_places
from gocoffee_ops.places.secrets import learn_secrets

__all__ = [
    "DEMO_BUNDLE",
    "Opened",
    "contacts_of",
    "demo_thresholds",
    "evidence_folder",
    "learn_secrets",
    "open_named",
    "open_places",
    "replay_places",
]
