"""Whether a scenario can be played with a rig and an adapter, and why not."""

from datetime import timedelta

from external_gate.domain.charge import Cancel, Idempotency, KeyStores, Lookup
from external_gate.domain.currencies import EXPONENTS
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.rig import MovesTime, SendsNotifications
from external_gate.testkit.scenario import Need, Scenario
from external_gate.testkit.stage import Stage

USUAL = ("USD", "EUR", "GBP", "INR", "NGN", "BRL")
"""Tried first, in this order: two decimals, and most gateways take one of them."""


def usual_currency(stage: Stage) -> str:
    """Give a currency with two decimals if the adapter declares one."""
    declared = stage.gateway.capabilities.currencies
    if declared is None:
        return USUAL[0]
    wanted = [*USUAL, *sorted(declared, key=lambda code: (EXPONENTS[code] != 2, code))]
    return next(code for code in wanted if code in declared)


async def lacking(stage: Stage, scenario: Scenario) -> str | None:
    """Tell why a scenario cannot be played; None when it can."""
    if scenario.payer not in stage.rig.payers:
        return f"the rig has no payer for {scenario.payer}"
    declared = stage.gateway.capabilities.currencies
    if scenario.currency and declared is not None and scenario.currency not in declared:
        return f"{scenario.currency} is not declared"
    needs = set(scenario.needs)
    struck = {fault for step in scenario.steps for fault in step.faults}
    if struck - {ProxyFault.PASS}:
        needs.add(Need.PROXY)
    return await lacking_needs(stage, needs)


async def lacking_needs(stage: Stage, needs: set[Need] | frozenset[Need]) -> str | None:
    """Tell the first need that is not met."""
    has = stage.gateway.capabilities
    for need in sorted(needs):
        met, why = {
            Need.PROXY: (stage.proxy is not None, "the adapter speaks no HTTP to an address"),
            Need.BOOKS: (True, ""),
            Need.REPEAT: (
                has.idempotency is not Idempotency.NONE and has.window > timedelta(0),
                "no idempotency is declared: nothing is ever re-sent",
            ),
            Need.EVERY_ANSWER: (
                has.key_stores is KeyStores.EVERY_ANSWER,
                "the gateway does not store every answer",
            ),
            Need.LOOKUP: (has.lookup is Lookup.QUERY, "no lookup is declared"),
            Need.CANCEL: (has.cancel is not Cancel.NONE, "no cancel is declared"),
            Need.CANCEL_BY_KEY: (has.cancel is Cancel.BY_KEY, "no cancel by key is declared"),
            Need.REFUND: (has.refund, "no refund is declared"),
            Need.NOTIFICATIONS: (
                has.notifies and isinstance(stage.rig, SendsNotifications),
                "no notifications are declared, or the rig cannot show one",
            ),
            Need.TIME: (isinstance(stage.rig, MovesTime), "the rig cannot move time"),
        }[need]
        if need is Need.BOOKS and await stage.takings() is None:
            return "the fake's books cannot be read"
        if not met:
            return why
    return None
