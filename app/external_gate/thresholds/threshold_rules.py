"""Metronome's minimums and rules, checked before anything is sent, each with its reason. Pure."""

from datetime import datetime
from decimal import Decimal

from external_gate.domain.errors import Refused
from external_gate.metronome.contracting import ContractTerms, ThresholdConfig
from external_gate.thresholds.tariff import Measure, Tariff

LEAST_THRESHOLD = Decimal(5)
LEAST_RECHARGE = Decimal(10)
"""In US dollars, custom pricing units converted: of a threshold, and of what recharging adds to it.
What holds for other currencies is not said; there Metronome has the word. Source:
docs.metronome.com, threshold billing guide, read 2026-08-28."""


def check_contract(contract: ContractTerms, *, now: datetime) -> None:
    """Refuse a contract that Metronome would not let us change."""
    subject = f"contract {contract.contract_id}"
    if contract.archived_at is not None:
        raise Refused(f"{subject} is archived; archived contracts cannot be changed")
    if contract.ending_before is not None and contract.ending_before <= now:
        raise Refused(f"{subject} ended on {contract.ending_before:%Y-%m-%d}; nothing is billed")
    check_start(subject, contract.starting_at, now=now)


def check_start(subject: str, starting_at: datetime, *, now: datetime) -> None:
    """Refuse a contract that has not started yet."""
    if starting_at > now:
        raise Refused(
            f"{subject} starts on {starting_at:%Y-%m-%d %H:%M}Z: Metronome refuses a "
            "threshold on a contract that has not started; come back then"
        )


def check_amounts(config: ThresholdConfig, measure: Measure | None, tariff: Tariff | None) -> None:
    """Refuse amounts that Metronome does not take."""
    if measure is None or tariff is None:
        return
    threshold, recharge_to = config.threshold_amount, config.recharge_to_amount
    if recharge_to is not None and recharge_to <= threshold:
        raise Refused(
            f"recharging to {measure.shown(recharge_to)} would not lift the balance above its "
            f"threshold of {measure.shown(threshold)}"
        )
    if tariff.fiat.name != "USD":
        return
    _check_minimum(config, measure, tariff)


def _check_minimum(config: ThresholdConfig, measure: Measure, tariff: Tariff) -> None:
    threshold = tariff.in_fiat(config.threshold_amount, measure)
    if threshold is not None and threshold < LEAST_THRESHOLD:
        raise Refused(
            f"a threshold of {_told(threshold, config.threshold_amount, measure)} is below "
            f"Metronome's minimum of {LEAST_THRESHOLD}.00 USD"
        )
    if config.recharge_to_amount is None or threshold is None:
        return
    recharge_to = tariff.in_fiat(config.recharge_to_amount, measure)
    if recharge_to is not None and recharge_to - threshold < LEAST_RECHARGE:
        raise Refused(
            f"recharging to {_told(recharge_to, config.recharge_to_amount, measure)} is less than "
            f"{LEAST_RECHARGE}.00 USD above the threshold, which is Metronome's minimum"
        )


def _told(fiat: Decimal, told: Decimal, measure: Measure) -> str:
    if measure.custom_unit_id is None:
        return measure.shown(told)
    return f"{measure.shown(told)} ({fiat:f} USD)"
