"""A guard that refuses, which the product does not ship yet: it shows that a refusal is bounded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from external_gate.domain.ledger import Allow, GuardVerdict, Ledger, Refuse
from external_gate.domain.money import Money
from external_gate.guards import rules as product
from external_gate.guards.rules import GuardRules, Intended
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class WorldRules(GuardRules):
    """The product's rules, and who is barred in this world."""

    barred: set[str] = field(default_factory=set)


def not_barred(intended: Intended, _ledger: Ledger, rules: GuardRules) -> GuardVerdict:
    """Refuse whoever is barred."""
    if isinstance(rules, WorldRules) and intended.workflow.workflow_id in rules.barred:
        return Refuse("barred")
    return Allow()


@contextmanager
def installed() -> Iterator[None]:
    """Ask this guard as well, as the last one."""
    before = product.GUARDS
    product.GUARDS = (*before, not_barred)
    try:
        yield
    finally:
        product.GUARDS = before


def draw_rules(world: World) -> WorldRules:
    """Give the rules of a world: some need an approval."""
    chances = world.chances
    limit = {"USD": Money(chances.random.randint(500, 50_000), "USD")}
    approval_above = limit if chances.random.random() < 0.15 else {}
    return WorldRules(approval_above=approval_above, barred=world.barred)
