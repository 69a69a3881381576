"""What a failed payment came to, told from evidence and contract."""

from dataclasses import replace
from decimal import Decimal

import pytest

from external_gate.domain.aftermath import FailureKind
from external_gate.domain.charge import Payer
from external_gate.domain.outcome import Answer, Declined, DeclineKind, Pending, Undone
from external_gate.metronome.billing import InvoiceStatus
from external_gate.metronome.contracting import ThresholdConfig, ThresholdKind
from external_gate.testkit.store_checks.store_samples import attempt, evidence
from external_gate.thresholds.failure_seen import Seen, digest_of, failure_of, threshold_behind
from tests.thresholds.conftest import terms

ASKED = Pending("ch_1", needs_customer=True, action_url="https://pay.example/3ds")
SPEND = ThresholdConfig(
    kind=ThresholdKind.SPEND,
    is_enabled=False,
    threshold_amount=Decimal(1000),
    recharge_to_amount=None,
    custom_unit_id=None,
    product_id="p",
    commit_name=None,
    payment_fraction=Decimal(1),
    gate="EXTERNAL",
    tax_type="NONE",
    tax_amount=None,
    tax_name=None,
    stripe_payment_type=None,
)
PREPAID = replace(SPEND, kind=ThresholdKind.PREPAID)


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([Declined(DeclineKind.SOFT)], FailureKind.SOFT),
        ([Declined(DeclineKind.HARD)], FailureKind.HARD),
        ([ASKED, Declined(DeclineKind.SOFT)], FailureKind.SOFT),
        ([ASKED, Undone()], FailureKind.CUSTOMER_ACTION),
        ([Pending("ch_1"), Undone()], FailureKind.NO_DECLINE),
        ([], FailureKind.NO_DECLINE),
    ],
)
def test_failure_has_the_kind_that_its_evidence_says(
    answers: list[Answer], kind: FailureKind
) -> None:
    tried = attempt(evidence=tuple(evidence(answer) for answer in answers))

    assert failure_of([attempt(), tried]) is kind
    assert failure_of([]) is FailureKind.NO_DECLINE


@pytest.mark.parametrize(
    ("kind", "configs", "found"),
    [
        ("spend", (SPEND, PREPAID), SPEND),
        ("spend", (PREPAID,), None),
        ("prepaid", (SPEND, PREPAID), PREPAID),
        ("whatever", (SPEND,), SPEND),
        ("manual_commit", (SPEND, PREPAID), None),
        ("spend", (replace(SPEND, gate="STRIPE"),), None),
        ("spend", (), None),
    ],
)
def test_only_the_threshold_behind_the_payment_is_meant(
    kind: str, configs: tuple[ThresholdConfig, ...], found: ThresholdConfig | None
) -> None:
    assert threshold_behind(kind, terms(*configs)) == found


def test_what_metronome_has_not_done_yet_is_told_apart() -> None:
    done = Seen(InvoiceStatus.VOID, terms(SPEND), SPEND)
    on = replace(SPEND, is_enabled=True)

    assert done.is_as_announced
    assert not replace(done, invoice=InvoiceStatus.FINALIZED).is_as_announced
    assert not replace(done, threshold=on).is_as_announced
    assert replace(done, threshold=on).told() == {"invoice": "void", "threshold": "spend on"}
    assert Seen(None, None, None).told() == {"invoice": "not read", "contract": "unknown"}


def test_every_part_of_a_payer_makes_another_digest() -> None:
    payers = [
        None,
        Payer("a", "b", None),
        Payer("a", "c", None),
        Payer("ab", "", None),
        Payer("a", "b", "other"),
    ]

    assert len({digest_of(payer) for payer in payers}) == len(payers)
    assert digest_of(Payer("a", "b", None)) == digest_of(Payer("a", "b", None))
