"""Templates of one million log messages: `analysis.logs.mining.groups` against Drain3, plain and with the same masks.

    python -m benchmarks.log_templates [--lines 1000000] [--rounds 3] [--seed 1] [--drain3 PYTHON]

The messages are synthetic, made from a seed, with the statement that wrote each as ground truth. Each side takes them in the
form that it works on (an Arrow column, as tables hold it; Python texts) and gives a list of groups; ours is measured before,
between and after Drain3's readings, and the median counts. Groupings are compared message by message.

Drain3 pins old libraries, so it is not among what the project installs; `make build/drain3/.ready` (and so `make bench`) installs
it into a Python of its own.

`--golden FILE` writes how Drain3 groups the messages that the tests group.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._service_logs import STATEMENTS, accuracy, hard_stream, messages

HERE = Path(__file__).parent
DRAIN3 = HERE.parent / "build" / "drain3" / "bin" / "python"
PLAIN = {"similar": 0.4, "masks": []}
GOLDEN_LINES = 2_000
GOLDEN_SEEDS = (1, 2)
GOLDEN_STREAMS = 200


def masked_settings() -> dict[str, Any]:
    """Our masks and similarity, for Drain3."""
    from gocoffee_ops.analysis.logs.masks import MASKS
    from gocoffee_ops.analysis.logs.mining import SIMILAR

    return {"similar": SIMILAR, "masks": [(mask.pattern, mask.text) for mask in MASKS]}


def ours(texts: list[str]) -> dict[str, Any]:
    """Groups by our own tree, with the seconds taken."""
    import pyarrow as pa

    from gocoffee_ops.analysis.logs.mining import groups

    column = pa.array(texts, pa.large_string())
    started = time.perf_counter()
    templates, which = groups(column)
    found = which.tolist()
    return {"seconds": time.perf_counter() - started, "groups": found, "templates": templates}


def drain3(python: Path, texts: list[str], settings: dict[str, Any]) -> dict[str, Any]:
    """Groups by Drain3, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        given, how, answer = (Path(folder) / name for name in ("messages.txt", "settings.json", "groups.json"))
        given.write_text("\n".join(texts))
        how.write_text(json.dumps(settings))
        command = [str(python), str(HERE / "_drain3.py"), str(given), str(how), str(answer)]
        subprocess.run(command, check=True)
        found: dict[str, Any] = json.loads(answer.read_text())
        return found


def renumbered(groups: list[int]) -> list[int]:
    """Groups numbered in the order in which they come, so that two groupings can be compared.

    >>> renumbered([7, 7, 3, 7, 9])
    [0, 0, 1, 0, 2]
    """
    numbers: dict[int, int] = {}
    return [numbers.setdefault(group, len(numbers)) for group in groups]


def golden(python: Path) -> dict[str, Any]:
    """How Drain3 groups some messages, plain and masked, and some streams at the tree's edges."""
    hard = []
    for seed in range(GOLDEN_STREAMS):
        texts, arrivals, settings = hard_stream(seed)
        found = drain3(python, [texts[i] for i in arrivals], settings | {"masks": []})
        hard.append(renumbered(found["groups"]))
    return {"hard": hard} | {
        str(seed): {
            name: renumbered(drain3(python, messages(GOLDEN_LINES, seed=seed)[0], settings)["groups"])
            for name, settings in (("plain", PLAIN), ("masked", masked_settings()))
        }
        for seed in GOLDEN_SEEDS
    }


def compare(python: Path, count: int, rounds: int, seed: int) -> None:
    texts, truth = messages(count, seed=seed)
    ours(texts[:10_000])  # imports and first use are not what is measured
    readings = [ours(texts)]
    plain, masked = [], []
    for _ in range(rounds):
        masked.append(drain3(python, texts, masked_settings()))
        readings.append(ours(texts))
        plain.append(drain3(python, texts, PLAIN))
        readings.append(ours(texts))
    print(f"{count:,} synthetic messages of {len(STATEMENTS)} statements, seed {seed}, {rounds} rounds, medians")
    speed = {}
    sides = {"ours": readings, "Drain3, plain": plain, "Drain3, same masks": masked}
    for name, side in sides.items():
        speed[name] = count / statistics.median(reading["seconds"] for reading in side)
        right = accuracy(truth, side[0]["groups"])
        print(
            f"{name:20} {speed[name]:>12,.0f} lines/s  {len(side[0]['templates']):>6,} groups  grouping accuracy {right:.3f}"
        )
    mine, theirs = renumbered(readings[0]["groups"]), renumbered(masked[0]["groups"])
    same = sum(a == b for a, b in zip(mine, theirs, strict=True)) / count
    texts_same = [*readings[0]["templates"]] == [*masked[0]["templates"].values()]
    print(f"grouped as Drain3 with the same masks groups: {same:.4%} of the messages; the same templates: {texts_same}")
    gained = accuracy(truth, readings[0]["groups"]) / accuracy(truth, plain[0]["groups"])
    print(
        f"ratio: log templates, lines/s over Drain3's with the same masks = {speed['ours'] / speed['Drain3, same masks']:.1f} (target >= 10)"
    )
    print(
        f"ratio: log templates, share of messages grouped as Drain3 with the same masks does = {same:.6f} (target >= 1)"
    )
    print(f"ratio: log templates, grouping accuracy over plain Drain3's = {gained:.2f} (target >= 1)")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--lines", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--drain3", type=Path, default=DRAIN3, metavar="PYTHON")
    arguments.add_argument("--golden", type=Path, metavar="FILE")
    given = arguments.parse_args()
    if not given.drain3.exists():
        print(f"log_templates: there is no {given.drain3}; --help says how to make it", file=sys.stderr)
        return 69
    if given.golden:
        given.golden.write_text(json.dumps(golden(given.drain3), separators=(",", ":")) + "\n")
        return 0
    compare(given.drain3, given.lines, given.rounds, given.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
