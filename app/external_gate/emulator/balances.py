"""What is left of a contract's commits, and what its usage has run up beyond them."""

from collections.abc import Iterable
from decimal import Decimal

from external_gate.emulator.records import Commit


def remaining(commits: Iterable[Commit], *, usage: Decimal) -> list[tuple[Commit, Decimal]]:
    """Give each commit with its balance: low priority numbers and old commits are used up first."""
    unpaid = usage
    balances: list[tuple[Commit, Decimal]] = []
    for commit in sorted(commits, key=lambda one: (one.priority, one.created_at)):
        used = min(commit.amount, unpaid)
        unpaid -= used
        balances.append((commit, commit.amount - used))
    return balances


def balance(commits: Iterable[Commit], *, usage: Decimal) -> Decimal:
    """Give what may still be used before it has to be billed; never below zero."""
    return max(_granted(commits) - usage, Decimal(0))


def unbilled(commits: Iterable[Commit], *, usage: Decimal) -> Decimal:
    """Give the usage that no commit covers; never below zero."""
    return max(usage - _granted(commits), Decimal(0))


def _granted(commits: Iterable[Commit]) -> Decimal:
    return sum((commit.amount for commit in commits), Decimal(0))
