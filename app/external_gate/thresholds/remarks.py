"""What a threshold is, and what a change of it means for this service, in people's words. Pure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from external_gate.metronome.contracting import Gate, ThresholdConfig, ThresholdKind
from external_gate.thresholds.tariff import Tariff

WORDS: Mapping[str, frozenset[str]] = {
    "gate": frozenset({"gate"}),
    "enabled": frozenset({"is_enabled"}),
    "threshold": frozenset({"threshold_amount", "custom_unit_id"}),
    "recharge to": frozenset({"recharge_to_amount", "custom_unit_id"}),
    "product": frozenset({"product_id"}),
    "commit name": frozenset({"commit_name"}),
    "discount": frozenset({"payment_fraction"}),
    "tax": frozenset({"tax_type", "tax_amount", "tax_name"}),
    "stripe": frozenset({"stripe_payment_type"}),
}
"""What people call the parts of a threshold, in the order in which they are read."""

_GATES: Mapping[str, str] = {
    Gate.EXTERNAL: "EXTERNAL: whenever the threshold is reached, Metronome waits until this "
    "service has charged the customer and says paid or failed",
    Gate.STRIPE: "STRIPE: Metronome charges through its own connection to Stripe, which the "
    "customer must have; this service hears nothing of this threshold any more and charges "
    "nothing for it",
    Gate.NONE: "NONE: Metronome grants every commit at once, paid or not; this service hears "
    "nothing of this threshold any more and charges nothing for it",
}


def facts(config: ThresholdConfig, tariff: Tariff | None) -> dict[str, str]:
    """Give what there is to say about a threshold, by its words."""
    told = {
        "gate": config.gate,
        "enabled": "on" if config.is_enabled else "off",
        "threshold": amount(config.threshold_amount, config, tariff),
        "product": config.product_id,
        "tax": _tax(config, tariff),
    }
    if config.recharge_to_amount is not None:
        told["recharge to"] = amount(config.recharge_to_amount, config, tariff)
    if config.commit_name is not None:
        told["commit name"] = config.commit_name
    if config.payment_fraction != 1:
        percent = ((1 - config.payment_fraction) * 100).normalize()
        told["discount"] = f"{percent:f} % (the customer pays {config.payment_fraction:f})"
    if config.gate == Gate.STRIPE and config.stripe_payment_type is not None:
        told["stripe"] = config.stripe_payment_type
    return told


def amount(told: Decimal, config: ThresholdConfig, tariff: Tariff | None) -> str:
    """Write an amount of a threshold for people; Metronome's number where the unit is unknown."""
    measure = None if tariff is None else tariff.measure_of(config.custom_unit_id)
    return f"{told:f} (unit unknown)" if measure is None else measure.shown(told)


def of(
    before: ThresholdConfig | None, after: ThresholdConfig, tariff: Tariff | None
) -> tuple[str, ...]:
    """Say what a change means; nothing where nothing changes."""
    return () if before == after else tuple(_said(before, after, tariff))


def _said(
    before: ThresholdConfig | None, after: ThresholdConfig, tariff: Tariff | None
) -> Iterator[str]:
    if before is None or before.gate != after.gate:
        yield _GATES.get(after.gate, f"{after.gate}: this version does not know that gate")
    if before is not None and before.tax_type not in {after.tax_type, "PRECALCULATED"}:
        yield f"the tax type {before.tax_type} works with Stripe alone and becomes {after.tax_type}"
    if not after.is_enabled:
        yield "off: the contract is not evaluated and nothing is charged until it is enabled"
    elif after.kind is ThresholdKind.PREPAID:
        yield (
            "on: Metronome evaluates a changed threshold at once; a balance at or below it is "
            "recharged now"
        )
    else:
        yield (
            "on: Metronome evaluates a changed threshold at once; unbilled usage at or above it is "
            "charged now"
        )
    if tariff is not None and tariff.fiat.name != "USD" and _amounts_differ(before, after):
        yield f"Metronome's minimums are told in USD only; for {tariff.fiat.name} it has the word"
    if tariff is not None and tariff.fiat_is_assumed:
        yield "Metronome names no currency for the rate card; its default is USD in cents"


def _amounts_differ(before: ThresholdConfig | None, after: ThresholdConfig) -> bool:
    if before is None:
        return True
    return (before.threshold_amount, before.recharge_to_amount) != (
        after.threshold_amount,
        after.recharge_to_amount,
    )


def _tax(config: ThresholdConfig, tariff: Tariff | None) -> str:
    if config.tax_amount is None:
        return config.tax_type
    fiat = f"{config.tax_amount:f}" if tariff is None else tariff.fiat.shown(config.tax_amount)
    return f"{fiat} ({config.tax_name or config.tax_type})"
