"""Group messages with Drain3: the other side of `benchmarks.log_templates`, run by a Python that has drain3.

    PYTHON _drain3.py messages.txt settings.json groups.json

Settings are `masks` (pattern and text), `similar`, and if they differ from Drain3's `depth` and `children`. The answer holds the seconds that the grouping took, each message's
group, and the templates.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from drain3 import TemplateMiner  # type: ignore[import-not-found]  # not among what the project installs
from drain3.masking import MaskingInstruction  # type: ignore[import-not-found]  # likewise
from drain3.template_miner_config import TemplateMinerConfig  # type: ignore[import-not-found]  # likewise


def main(messages_path: Path, settings_path: Path, answer_path: Path) -> None:
    messages = messages_path.read_text().split("\n")
    settings = json.loads(settings_path.read_text())
    config = TemplateMinerConfig()
    config.profiling_enabled = False
    config.drain_sim_th = settings["similar"]
    config.drain_depth = settings.get("depth", config.drain_depth)
    config.drain_max_children = settings.get("children", config.drain_max_children)
    config.mask_prefix = config.mask_suffix = ""
    # `(?a)`: what a letter of a word is, as for RE2
    config.masking_instructions = [MaskingInstruction(f"(?a){pattern}", text) for pattern, text in settings["masks"]]
    miner = TemplateMiner(config=config)
    miner.drain.param_str = "<*>"  # it follows from the prefix, and a bare * is a word of SQL
    started = time.perf_counter()
    groups = [miner.add_log_message(message)["cluster_id"] for message in messages]
    seconds = time.perf_counter() - started
    templates = {cluster.cluster_id: cluster.get_template() for cluster in miner.drain.clusters}
    answer_path.write_text(json.dumps({"seconds": seconds, "groups": groups, "templates": templates}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
