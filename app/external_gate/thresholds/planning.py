"""From a contract and a wish to the exact change: what is sent, what differs, what it means. Pure.

Planning on the contract that a plan leads to gives a plan without changes.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal

from external_gate.domain.errors import BadInput, Refused
from external_gate.metronome.contracting import (
    ContractTerms,
    Gate,
    ThresholdConfig,
    ThresholdKind,
)
from external_gate.metronome.threshold_wire import Json, changed_parts, whole_config
from external_gate.thresholds import remarks, threshold_rules
from external_gate.thresholds.tariff import Measure, Tariff


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax that was worked out beforehand, in whole units of the rate card's currency."""

    amount: Decimal
    name: str | None = None


NO_TAX = Tax(Decimal(0))
"""Takes a precalculated tax away."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of a threshold; None leaves a thing as it is.

    Amounts are as people write them: whole units of the currency or custom pricing unit `unit`.
    """

    kind: ThresholdKind | None = None
    """Needed where it cannot be told from the contract or from `recharge_to`."""
    is_enabled: bool | None = None
    amount: Decimal | None = None
    recharge_to: Decimal | None = None
    unit: str | None = None
    """An ISO 4217 code or the name of a custom pricing unit; needed with any amount."""
    product_id: str | None = None
    commit_name: str | None = None
    discount_percent: Decimal | None = None
    """What is taken off the price: 15 means that the customer pays 85 %; 0 removes a discount."""
    tax: Tax | None = None
    gate: Gate | None = None
    stripe_payment_type: str | None = None

    @property
    def has_amounts(self) -> bool:
        """Whether it says anything that a unit is needed for."""
        tax = None if self.tax == NO_TAX else self.tax
        return any(each is not None for each in (self.amount, self.recharge_to, tax))


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changes, in people's words."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The exact change of one threshold."""

    kind: ThresholdKind
    before: ThresholdConfig | None
    """None when the contract has no such threshold yet."""
    after: ThresholdConfig
    differences: tuple[Difference, ...]
    """Empty when everything is as wished: then nothing is sent."""
    remarks: tuple[str, ...]
    """What the change means, one sentence each."""

    @property
    def is_done(self) -> bool:
        """Whether everything is as wished, so that nothing has to be sent."""
        return self.before == self.after

    @property
    def changes(self) -> Json:
        """Give what is sent to the edit endpoint beside customer and contract; {} for nothing."""
        name = self.kind.field_name
        if self.before is None:
            return {f"add_{name}": whole_config(self.after)}
        parts = changed_parts(self.before, self.after)
        return {f"update_{name}": parts} if parts else {}


def plan(
    contract: ContractTerms | None, wish: Wish, tariff: Tariff | None, *, now: datetime
) -> Plan:
    """Work out the change; without a contract it is for a new one.

    Raises `BadInput` for a wish that is not complete or cannot be, `Refused` for what Metronome's
    rules forbid. `tariff` is needed only where the wish has amounts.
    """
    if contract is not None:
        threshold_rules.check_contract(contract, now=now)
    thresholds = {} if contract is None else contract.thresholds
    kind = _kind(wish, frozenset(thresholds))
    before = thresholds.get(kind)
    measure = _measure(wish, tariff)
    after = _added(kind, wish) if before is None else before
    after = _with_amounts(after, wish, measure, is_new=before is None)
    after = _with_gate(_with_words(after, wish), wish, tariff)
    if before is None or _amounts(before) != _amounts(after):
        threshold_rules.check_amounts(after, measure, tariff)
    return Plan(
        kind=kind,
        before=before,
        after=after,
        differences=differences(before, after, tariff),
        remarks=remarks.of(before, after, tariff),
    )


def differences(
    before: ThresholdConfig | None, after: ThresholdConfig, tariff: Tariff | None
) -> tuple[Difference, ...]:
    """Name everything in which two configurations differ."""
    shown_after = remarks.facts(after, tariff)
    shown_before = {} if before is None else remarks.facts(before, tariff)
    unlike = _unlike(before, after)
    return tuple(
        Difference(what, shown_before.get(what, "-"), shown_after.get(what, "-"))
        for what in remarks.WORDS
        if unlike & remarks.WORDS[what] and (what in shown_before or what in shown_after)
    )


def _unlike(before: ThresholdConfig | None, after: ThresholdConfig) -> frozenset[str]:
    names = [each.name for each in fields(ThresholdConfig) if each.compare]
    if before is None:
        return frozenset(names)
    return frozenset(each for each in names if getattr(before, each) != getattr(after, each))


def _kind(wish: Wish, present: frozenset[ThresholdKind]) -> ThresholdKind:
    if wish.kind is not None:
        return wish.kind
    if wish.recharge_to is not None:
        return ThresholdKind.PREPAID
    if len(present) == 1:
        return next(iter(present))
    has = "two thresholds" if present else "no threshold"
    raise BadInput(f"the contract has {has}: say which is meant, spend or prepaid")


def _measure(wish: Wish, tariff: Tariff | None) -> Measure | None:
    if wish.unit is None:
        if wish.has_amounts:
            raise BadInput("an amount needs its currency, such as USD, or its custom pricing unit")
        return None
    if tariff is None:
        raise BadInput("the contract names no rate card, so the unit of its amounts is not known")
    return tariff.measure(wish.unit)


def _added(kind: ThresholdKind, wish: Wish) -> ThresholdConfig:
    """Give what a new threshold begins with; its amounts follow."""
    if wish.amount is None:
        raise BadInput(f"the contract has no {kind} threshold yet: a new one needs an amount")
    if wish.product_id is None:
        raise BadInput(f"the contract has no {kind} threshold yet: a new one needs a product")
    return ThresholdConfig(
        kind=kind,
        is_enabled=True,
        threshold_amount=Decimal(0),
        recharge_to_amount=None,
        custom_unit_id=None,
        product_id=wish.product_id,
        commit_name=None,
        payment_fraction=Decimal(1),
        gate=Gate.EXTERNAL,
        tax_type="NONE",
        tax_amount=None,
        tax_name=None,
        stripe_payment_type=None,
    )


def _with_amounts(
    config: ThresholdConfig, wish: Wish, measure: Measure | None, *, is_new: bool
) -> ThresholdConfig:
    if config.kind is ThresholdKind.SPEND and wish.recharge_to is not None:
        raise BadInput(
            "a spend threshold charges what is unbilled: it has no amount to recharge to"
        )
    if measure is None or (wish.amount is None and wish.recharge_to is None):
        return config
    if config.kind is ThresholdKind.SPEND and measure.custom_unit_id is not None:
        raise Refused("a spend threshold is in the rate card's currency, not in a custom unit")
    both = wish.amount is not None and wish.recharge_to is not None
    if config.kind is ThresholdKind.PREPAID and not both:
        if is_new:
            raise BadInput("a new prepaid threshold needs an amount to recharge to")
        if config.custom_unit_id != measure.custom_unit_id:
            raise BadInput("to change the unit, give both amounts: threshold and recharge to")
    return replace(
        config,
        threshold_amount=_converted(wish.amount, measure, config.threshold_amount),
        recharge_to_amount=_converted(wish.recharge_to, measure, config.recharge_to_amount),
        custom_unit_id=measure.custom_unit_id,
    )


def _converted(amount: Decimal | None, measure: Measure, otherwise: Decimal | None) -> Decimal:
    if amount is None:
        return otherwise  # type: ignore[return-value]  # None only for spend, where it stays so
    return measure.to_metronome(amount)


def _amounts(config: ThresholdConfig) -> tuple[Decimal | str | None, ...]:
    return config.threshold_amount, config.recharge_to_amount, config.custom_unit_id


def _with_words(config: ThresholdConfig, wish: Wish) -> ThresholdConfig:
    fraction = config.payment_fraction
    if wish.discount_percent is not None:
        if not (wish.discount_percent.is_finite() and 0 <= wish.discount_percent < 100):
            raise BadInput(f"a discount of {wish.discount_percent} % is none; give 0 to below 100")
        fraction = (100 - wish.discount_percent).scaleb(-2)
    return replace(
        config,
        is_enabled=config.is_enabled if wish.is_enabled is None else wish.is_enabled,
        product_id=wish.product_id or config.product_id,
        commit_name=wish.commit_name or config.commit_name,
        payment_fraction=fraction,
    )


def _with_gate(config: ThresholdConfig, wish: Wish, tariff: Tariff | None) -> ThresholdConfig:
    config = replace(config, gate=wish.gate or config.gate)
    if config.gate == Gate.STRIPE:
        payment_type = wish.stripe_payment_type or config.stripe_payment_type
        if payment_type is None:
            raise BadInput("the gate STRIPE needs to know how: INVOICE or PAYMENT_INTENT")
        config = replace(config, stripe_payment_type=payment_type)
    elif config.tax_type not in {"NONE", "PRECALCULATED"}:
        # Only Metronome's own payment through Stripe can have its tax worked out there.
        config = replace(config, tax_type="NONE")
    return _with_tax(config, wish.tax, tariff)


def _with_tax(config: ThresholdConfig, tax: Tax | None, tariff: Tariff | None) -> ThresholdConfig:
    if tax is None:
        return config
    if tax == NO_TAX:
        return replace(config, tax_type="NONE", tax_amount=None, tax_name=None)
    if tariff is None:
        raise BadInput("the contract names no rate card, so the unit of a tax is not known")
    amount = tariff.fiat.tax_to_metronome(tax.amount)
    return replace(config, tax_type="PRECALCULATED", tax_amount=amount, tax_name=tax.name)
