"""Bills: are their files sound, and are their days there?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from typing import TYPE_CHECKING, Any

from gocoffee_ops.checks.grading import concluded, counted, numbers
from gocoffee_ops.frames import records, unread
from gocoffee_ops.model import Finding, Status

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 3  # days that a sentence names
QUESTIONS = ("bills.files", "bills.periods", "bills.charges")
# What is the same of one charge in two bills, whatever a bill's tags and the names of its columns are. The region is, too, but not
# every bill tells it.
CHARGE = ("day", "billing_account", "account", "service", "resource_id", "sku_id", "charge_category", "charge_class",
          "commitment", "currency", "billed", "effective")  # fmt: skip


def bill_files_sound(files: pd.DataFrame, charges: pd.DataFrame | None = None) -> list[Finding]:
    """Which files of a bill hold rows twice (in one file or in two), negative quantities, or nothing; which replaced a larger run?

    Their money is counted as it stands. What a bill costs is UNKNOWN where some of its `charges` stand in another bill too.

    >>> import pandas as pd
    >>> row = {"bill": "aws", "file": "a.csv", "rows": 9, "repeated_rows": 1, "negative_quantities": 0, "missing_columns": ()}
    >>> print(said(bill_files_sound(pd.DataFrame([row | {"odd_rows": ("row 3 repeats row 1 (i-1)",)}])))[0])
    WARN bill/aws: a.csv: 1 of 9 rows the same as another one, and may be charged twice; row 3 repeats row 1 (i-1)
    """
    table = records(files)
    findings = list(bills_unread("bill_files_sound", files))
    findings += [] if charges is None else charges_in_two(charges)
    for row in table:
        odd = [*_odd(row), *row["odd_rows"]]
        if odd:
            figures = numbers(row, "rows", "repeated_rows", "negative_quantities")
            reason = f"{row['file']}: {'; '.join(odd)}"
            findings.append(Finding(Status.WARN, "bill_files_sound", f"bill/{row['bill']}", reason, figures))
    rows = counted(sum(row["rows"] for row in table), "row")
    return concluded(
        findings,
        check="bill_files_sound",
        subject="bills",
        fine=f"{counted(len(table), 'file')} with {rows}: none repeated, nothing lacking",
        read=len(table),
        none="no file of a bill was seen",
    )


def bill_days_present(periods: pd.DataFrame) -> list[Finding]:
    """Has every day that is older than the billing lag its charges? A day without rows is not a day that cost nothing.

    Nor has a bill that could not be read.

    >>> import pandas as pd
    >>> days = [{"bill": "aws", "day": pd.Timestamp("2026-11-20", tz="UTC"), "rows": 0, "estimated": False}]
    >>> print(said(bill_days_present(pd.DataFrame(days)))[0])
    UNKNOWN bill/aws: 1 of 1 settled day without a row: 2026-11-20
    """
    bills: dict[str, dict[Any, tuple[int, bool]]] = {}
    for row in records(periods):
        days = bills.setdefault(row["bill"], {})
        days[row["day"]] = (days.get(row["day"], (0, False))[0] + row["rows"], row["estimated"])
    findings = list(bills_unread("bill_days_present", periods))
    for bill, days in bills.items():
        settled = {day: rows for day, (rows, estimated) in days.items() if not estimated}
        gone = sorted(day for day, rows in settled.items() if not rows)
        figures = {"settled_days": len(settled), "missing_days": len(gone), "estimated_days": len(days) - len(settled)}
        if not settled:
            status, reason = Status.UNKNOWN, "every day of the window is younger than the billing lag"
        elif gone:
            named = ", ".join(f"{day:%Y-%m-%d}" for day in gone[:SHOWN]) + (", …" if len(gone) > SHOWN else "")
            status, reason = (
                Status.UNKNOWN,
                f"{len(gone)} of {counted(len(settled), 'settled day')} without a row: {named}",
            )
        else:
            more = f"; {len(days) - len(settled)} more may still grow" if len(days) > len(settled) else ""
            status, reason = Status.OK, f"the charges of {counted(len(settled), 'settled day')} are there{more}"
        findings.append(Finding(status, "bill_days_present", f"bill/{bill}", reason, figures))
    return findings or [Finding(Status.UNKNOWN, "bill_days_present", "bills", "no day of a bill was seen")]


def bills_unread(check: str, table: pd.DataFrame) -> Iterator[Finding]:
    """A finding of `check` for each bill that a table, or what it was made of, lacks: what is in it, nobody knows.

    >>> import pandas as pd
    >>> table = pd.DataFrame()
    >>> table.attrs["unread"] = ["bill/gcp: 403 Forbidden", "cluster/us: no answer after 8 s"]
    >>> said(bills_unread("costs_usual", table))
    ['UNKNOWN bill/gcp: this bill was not read: 403 Forbidden']
    """
    for gap in dict.fromkeys(gap for name in ("gaps", "unread") for gap in table.attrs.get(name, ())):
        subject, _, why = gap.partition(": ")
        if subject.startswith("bill/"):
            because = tuple(unread(subject, question) for question in QUESTIONS)
            yield Finding(Status.UNKNOWN, check, subject, f"this bill was not read: {why}", because=because)


def charges_in_two(charges: pd.DataFrame) -> Iterator[Finding]:
    """The bills that have charges of one account, region, service, resource, SKU, day and costs with another bill in common."""
    if charges["bill"].nunique() < 2:
        return
    having: defaultdict[tuple[Any, ...], defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in records(charges[["bill", "region", *CHARGE]]):
        if row["billed"] or row["effective"]:
            having[tuple(row[name] for name in CHARGE)][row["bill"]].add(row["region"] or "")
    shared: defaultdict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for charge, bills in having.items():
        for first, second in combinations(sorted(bills), 2):
            shared[first, second] += [charge] * _alike(bills[first], bills[second])
    for (first, second), found in sorted(shared.items()):
        if not found:
            continue
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for *_, currency, billed, _ in found:
            sums[currency] += billed
        money = " and ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(sums.items()))
        reason = (
            f"{counted(len(found), 'charge')} (billed: {money}) of bill/{first} and of bill/{second} look the same: if they are, "
            "every sum holds them twice"
        )
        numbers = {"charges": len(found)}
        yield Finding(Status.UNKNOWN, "bill_files_sound", f"bill/{first}", reason, numbers)


def _alike(regions: set[str], others: set[str]) -> int:
    """Of charges that differ by region alone, how many two bills may have in common; "" is none told, and may be any.

    >>> _alike({"eu"}, {"us"}), _alike({"eu", "us"}, {"us", "ap"}), _alike({"eu", "us"}, {""})
    (0, 1, 1)
    """
    return min(len(some if "" in rest else some & {*rest, ""}) for some, rest in ((regions, others), (others, regions)))


def _odd(row: dict[str, Any]) -> list[str]:
    odd = []
    if not row["rows"]:
        odd.append("it has no row")
    if row["repeated_rows"]:
        count = f"{row['repeated_rows']:,} of {counted(row['rows'], 'row')} the same as another one"
        odd.append(f"{count}, and may be charged twice")
    if row["negative_quantities"]:
        odd.append(f"{counted(row['negative_quantities'], 'row')} with a negative quantity, and no correction")
    if row["missing_columns"]:
        odd.append(f"it lacks {', '.join(row['missing_columns'])}, which FOCUS makes mandatory")
    return odd
