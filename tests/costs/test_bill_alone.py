"""A newcomer's first run: a folder with a bill, and nothing else to read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.focus_files import charge, write_csv
from tests.runbooks.written import call

DAY = timedelta(days=1)
DAILY = {"shop": ("i-0aaa1111", "4.80"), "payments": ("db-1", "8.40"), "": ("assets", "0.80")}


def bill(folder: Path) -> None:
    """Sixteen days up to now, of three resources."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = []
    for day in (today - DAY * n for n in range(16, 0, -1)):
        month = day.replace(day=1)
        period = {"BillingPeriodStart": month, "BillingPeriodEnd": (month + 31 * DAY).replace(day=1)}
        for team, (resource, cost) in DAILY.items():
            about = {"ResourceId": resource, "SkuId": resource, "Tags": json.dumps({"team": team} if team else {})}
            times = {"ChargePeriodStart": day, "ChargePeriodEnd": day + DAY}
            rows.append(charge(BilledCost=cost, EffectiveCost=cost, **about, **times, **period))
    write_csv(folder / "november.csv", rows)


def test_a_bill_alone_is_told_by_team_and_all_else_is_unknown(tmp_path: Path) -> None:
    bill(tmp_path / "bills")
    configured = f'[[environments.prod.bills]]\nname = "aws"\npath = "{tmp_path}/bills"\n'
    (tmp_path / "gocoffee.toml").write_text(configured)

    ended = call("gocoffee-ops", "run", "cost-analysis", "--env", "prod", "--reports", "reports", cwd=tmp_path)

    assert ended.returncode == 3, ended.stderr
    (folder,) = (tmp_path / "reports" / "cost-analysis").iterdir()
    run = json.loads((folder / "run.json").read_text())
    assert {cell["state"] for cell in run["cells"]} == {"ok"}
    found = {(finding["check"], finding["status"]) for finding in run["findings"]}
    unknown = {check for check, verdict in found if verdict == "UNKNOWN"}
    assert unknown >= {
        "usage_covered",
        "costs_covered",
        "requests_sized",
        "nodes_needed",
        "savings_bankable",
        "nothing_orphaned",
    }
    assert {("bill_files_sound", "OK"), ("bill_days_present", "OK"), ("bill_reconciled", "OK")} <= found
    kept = pq.read_table(folder / "allocation.parquet").to_pylist()
    assert float(sum(row["EffectiveCost"] for row in kept)) == pytest.approx(16 * 14)
    page = (folder / "report.html").read_text(encoding="utf-8")
    for amount in ("76.80", "134.40", "12.80"):  # sixteen days of shop, of payments, and of what has no team
        assert amount in page
