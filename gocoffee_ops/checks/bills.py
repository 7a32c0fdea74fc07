"""Bills: are their files sound, and are their days there?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
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
          "commitment", "currency")  # fmt: skip
Charge = tuple[str, Decimal, Decimal]  # region ("" for none told), billed, effective


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
    having: defaultdict[tuple[Any, ...], defaultdict[str, list[Charge]]] = defaultdict(lambda: defaultdict(list))
    for row in records(charges[["bill", "region", "billed", "effective", *CHARGE]]):
        if row["billed"] or row["effective"]:
            of = tuple(row[name] for name in CHARGE)
            having[of][row["bill"]].append((row["region"] or "", row["billed"], row["effective"]))
    shared: defaultdict[tuple[str, str], list[tuple[str, Decimal]]] = defaultdict(list)
    for (*_, currency), bills in having.items():
        for first, second in combinations(sorted(bills), 2):
            shared[first, second] += [(currency, billed) for billed in in_both(bills[first], bills[second])]
    for (first, second), found in sorted(shared.items()):
        if not found:
            continue
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        for currency, billed in found:
            sums[currency] += billed
        money = " and ".join(f"{amount:,.2f} {currency}" for currency, amount in sorted(sums.items()))
        reason = (
            f"{counted(len(found), 'charge')} (billed: {money}) of bill/{first} and of bill/{second} look the same: if they are, "
            "every sum holds them twice"
        )
        numbers = {"charges": len(found)}
        yield Finding(Status.UNKNOWN, "bill_files_sound", f"bill/{first}", reason, numbers)


def in_both(some: Sequence[Charge], others: Sequence[Charge]) -> list[Decimal]:
    """What is billed for the charges of one account, service, … and day that two bills may share.

    A bill may tell apart what another has in one row, as by tags: so sums are held against sums too; what explains most counts.

    >>> eu, us = ("eu", Decimal(1), Decimal(1)), ("us", Decimal(2), Decimal(2))
    >>> in_both([eu, eu, us], [eu, eu]), in_both([eu, us], [("", Decimal(3), Decimal(3))]), in_both([eu], [us])
    ([Decimal('1'), Decimal('1')], [Decimal('3')], [])
    """
    found = [_matched(some, others), _matched(_summed(some), _summed(others))]
    if any(not region for region, *_ in (*some, *others)):
        found.append(_matched(*(_summed([("", one[1], one[2]) for one in each]) for each in (some, others))))
    best = max(found, key=lambda each: sum(abs(billed) + abs(effective) for billed, effective in each))
    return [billed for billed, _ in best]


def _summed(charges: Sequence[Charge]) -> list[Charge]:
    """The charges of a region as one; those that cancel each other out are none."""
    sums: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for region, billed, effective in charges:
        sums[region][0] += billed
        sums[region][1] += effective
    return [(region, billed, effective) for region, (billed, effective) in sums.items() if billed or effective]


def _matched(some: Sequence[Charge], others: Sequence[Charge]) -> list[tuple[Decimal, Decimal]]:
    """The costs that both have, as often as both have them."""
    regions: defaultdict[tuple[Decimal, Decimal], tuple[Counter[str], Counter[str]]] = defaultdict(
        lambda: (Counter(), Counter())
    )
    for side, charges in enumerate((some, others)):
        for region, billed, effective in charges:
            regions[billed, effective][side][region] += 1
    return [costs for costs, both in regions.items() for _ in range(_alike(*both))]


def _alike(regions: Counter[str], others: Counter[str]) -> int:
    """Of charges that differ by region alone, how many two bills may have in common; "" is none told, and may be any.

    >>> _alike(Counter(["eu"]), Counter(["us"])), _alike(Counter(["eu", "us"]), Counter(["us", "ap"]))
    (0, 1)
    >>> _alike(Counter(["eu", "us"]), Counter([""]))
    1
    """
    same = +Counter({region: n for region, n in (regions & others).items() if region})
    told, rest = (each - same for each in (regions, others))
    any_told, any_rest = told.pop("", 0), rest.pop("", 0)
    to_rest, to_told = min(any_told, rest.total()), min(any_rest, told.total())
    return same.total() + to_rest + to_told + min(any_told - to_rest, any_rest - to_told)


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
