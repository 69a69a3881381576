"""A threshold configuration as Metronome takes it: whole for a new one, changed parts for an edit.

Source: `metronome-sdk` 4.12.0, `/v2/contracts/edit` and `/v1/contracts/create`, read 2026-11. An
edit merges `commit` and `discount_configuration`, and replaces `payment_gate_config`.
"""

from collections.abc import Mapping

from external_gate.metronome.contracting import Gate, ThresholdConfig

Json = dict[str, object]
"""Part of a body; amounts are `Decimal`."""


def whole_config(config: ThresholdConfig) -> Json:
    """Write all of a configuration."""
    body: Json = {
        "is_enabled": config.is_enabled,
        "threshold_amount": config.threshold_amount,
        "commit": _present(product_id=config.product_id, name=config.commit_name),
        "payment_gate_config": _gate(config),
        **_present(
            recharge_to_amount=config.recharge_to_amount,
            custom_credit_type_id=config.custom_unit_id,
        ),
    }
    if config.payment_fraction != 1:
        body["discount_configuration"] = {"payment_fraction": config.payment_fraction}
    return body


def changed_parts(before: ThresholdConfig, after: ThresholdConfig) -> Json:
    """Write what an edit must say to come from one configuration to the other; {} for nothing."""
    body = _differing(
        before,
        after,
        is_enabled="is_enabled",
        threshold_amount="threshold_amount",
        recharge_to_amount="recharge_to_amount",
        custom_unit_id="custom_credit_type_id",
    )
    if commit := _differing(before, after, product_id="product_id", commit_name="name"):
        body["commit"] = commit
    if before.payment_fraction != after.payment_fraction:
        body["discount_configuration"] = _discount(after)
    if _gate(before) != _gate(after):
        body["payment_gate_config"] = _gate(after)
    return body


def _differing(before: ThresholdConfig, after: ThresholdConfig, **names: str) -> Json:
    return {
        name: getattr(after, attribute)
        for attribute, name in names.items()
        if getattr(before, attribute) != getattr(after, attribute)
    }


def _discount(after: ThresholdConfig) -> Json | None:
    if after.payment_fraction != 1:
        return {"payment_fraction": after.payment_fraction}
    # A cap stays where it is; without one nothing is left of the discount.
    told = after.told.get("discount_configuration")
    return {"payment_fraction": None} if isinstance(told, Mapping) and told.get("cap") else None


_OURS = ("payment_gate_type", "tax_type", "precalculated_tax_config", "stripe_config")


def _gate(config: ThresholdConfig) -> Json:
    told = _part(config.told, "payment_gate_config")
    body = {name: part for name, part in told.items() if name not in _OURS}
    body |= {"payment_gate_type": config.gate, "tax_type": config.tax_type}
    if config.tax_amount is not None:
        tax = _present(tax_amount=config.tax_amount, tax_name=config.tax_name)
        body["precalculated_tax_config"] = tax
    if config.gate == Gate.STRIPE:
        stripe = _part(told, "stripe_config")
        body["stripe_config"] = {**stripe, "payment_type": config.stripe_payment_type}
    return body


def _part(told: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = told.get(name)
    return part if isinstance(part, Mapping) else {}


def _present(**parts: object) -> Json:
    return {name: part for name, part in parts.items() if part is not None}
