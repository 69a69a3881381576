"""What must hold of a standing whatever the evidence is and in whatever order it came."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from external_gate.domain.charge import Cancel, Capabilities, Idempotency, KeyStores, Lookup
from external_gate.domain.evidence import Attempt, Evidence, Source
from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Answer,
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Pending,
    Succeeded,
    TooLate,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.domain.standing import (
    Absent,
    Contradicted,
    Dead,
    Mismatched,
    Open,
    Standing,
    Taken,
    Untouched,
    Waiting,
    WeWereRefused,
    mismatch,
    standing_of,
)
from tests.domain.conftest import CHARGE, LAST_POSSIBLE_SEND, PROOF, START, attempt, later

MOST_SENDS = 4
NOW = later(hours=60)
"""After all evidence."""

SUCCESSES: list[Answer] = [
    PROOF,
    replace(PROOF, reference=None),
    replace(PROOF, charge_id="ch_2"),
    replace(PROOF, charge_id=""),
    replace(PROOF, reference="another"),
    replace(PROOF, amount=Money(1501, "USD")),
    replace(PROOF, amount=Money(1500, "EUR")),
]
OTHER_OUTCOMES: list[Answer] = [
    Declined(DeclineKind.SOFT, "insufficient_funds"),
    Declined(DeclineKind.HARD, "expired_card"),
    Pending("ch_1"),
    Pending(needs_customer=True),
    Unknown("timeout"),
    NotSent("refused"),
    Misconfigured("HTTP 401"),
]
NOT_FOUND: list[Answer] = [NotFound(conclusive=True), NotFound(conclusive=False)]
UNDO: list[Answer] = [Undone(), UndoPending(), TooLate(), UndoUnknown("timeout")]
ANSWERS: dict[Source, list[Answer]] = {
    Source.CHARGE: [*SUCCESSES, *OTHER_OUTCOMES],
    Source.LOOKUP: [*SUCCESSES, *OTHER_OUTCOMES, *NOT_FOUND],
    Source.NOTICE: [*SUCCESSES, *OTHER_OUTCOMES],
    Source.CANCEL: [*UNDO],
    Source.REFUND: [*UNDO],
}
UNKNOWN = Unknown | UndoUnknown

durations = st.sampled_from([timedelta(0), timedelta(seconds=30), timedelta(hours=20)])
capabilities = st.builds(
    Capabilities,
    idempotency=st.sampled_from(Idempotency),
    window=st.sampled_from([timedelta(0), timedelta(hours=24), timedelta(days=30)]),
    key_stores=st.sampled_from(KeyStores),
    lookup=st.sampled_from(Lookup),
    visibility_lag=durations,
    failed_is_final_after=durations,
    cancel=st.sampled_from(Cancel),
)
Allowed = Callable[[Source, Answer], bool]


def everything(_source: Source, _answer: Answer) -> bool:
    return True


@st.composite
def pieces(draw: st.DrawFn, *, sends: int, allowed: Allowed = everything) -> Evidence:
    """One piece of evidence about an attempt with so many sends."""
    told = [
        (source, answer)
        for source, answers in ANSWERS.items()
        for answer in answers
        if (source is not Source.CHARGE or sends) and allowed(source, answer)
    ]
    source, answer = draw(st.sampled_from(told))
    asked_at = START + timedelta(seconds=draw(st.integers(0, 50 * 3600)))
    took = timedelta(seconds=draw(st.sampled_from([0, 1, 3600])))
    send = draw(st.integers(1, sends)) if source is Source.CHARGE else 0
    return Evidence(source, answer, asked_at=asked_at, at=asked_at + took, send=send)


@st.composite
def attempts(draw: st.DrawFn, *, least_sends: int = 0, allowed: Allowed = everything) -> Attempt:
    sends = draw(st.integers(least_sends, MOST_SENDS))
    evidence = draw(st.lists(pieces(sends=sends, allowed=allowed), max_size=6))
    return attempt(*evidence, sends=sends)


def stand(found: Attempt, able: Capabilities, *, restored: bool = False) -> Standing:
    return standing_of(found, able, now=NOW, sends_uncertain=restored)


def knowledge(standing: Standing) -> Standing:
    """The standing without the words for what is not known."""
    return Open("") if isinstance(standing, Open) else standing


def has(found: Attempt, kind: type[Answer], source: Source | None = None) -> bool:
    return any(
        isinstance(piece.answer, kind) and source in {None, piece.source}
        for piece in found.evidence
    )


@given(attempts(), capabilities, st.booleans(), st.data())
def test_unknown_anywhere_changes_no_knowledge(
    found: Attempt, able: Capabilities, restored: bool, data: st.DataObject
) -> None:
    unknown = data.draw(
        pieces(sends=found.sends, allowed=lambda _source, answer: isinstance(answer, UNKNOWN))
    )
    place = data.draw(st.integers(0, len(found.evidence)))
    evidence = (*found.evidence[:place], unknown, *found.evidence[place:])

    with_it = stand(replace(found, evidence=evidence), able, restored=restored)

    assert knowledge(with_it) == knowledge(stand(found, able, restored=restored))


@given(attempts(), capabilities, st.booleans(), st.randoms(use_true_random=False))
def test_order_of_the_unknown_does_not_matter(
    found: Attempt, able: Capabilities, restored: bool, random: object
) -> None:
    known = [piece for piece in found.evidence if not isinstance(piece.answer, UNKNOWN)]
    unknown = [piece for piece in found.evidence if isinstance(piece.answer, UNKNOWN)]

    expected = knowledge(stand(found, able, restored=restored))

    for evidence in ((*unknown, *known), (*known, *unknown), tuple(known)):
        moved = replace(found, evidence=evidence)
        assert knowledge(stand(moved, able, restored=restored)) == expected


@settings(max_examples=300)
@given(attempts(), capabilities, st.booleans())
def test_paid_needs_a_charge_that_matches_on_record(
    found: Attempt, able: Capabilities, restored: bool
) -> None:
    successes = [p.answer for p in found.evidence if isinstance(p.answer, Succeeded)]
    matching = [answer for answer in successes if mismatch(found, answer) is None]

    match stand(found, able, restored=restored):
        case Taken(proof, charge_ids):
            assert proof in matching
            assert matching == successes
            assert charge_ids == {answer.charge_id for answer in successes}
            assert proof.amount == CHARGE.amount
        case Mismatched(answer):
            assert answer in successes
            assert answer not in matching
        case Contradicted():
            assert matching == successes
            assert successes
        case _:
            assert not successes


@settings(max_examples=300)
@given(attempts(), capabilities, st.booleans())
def test_dead_needs_a_decline_or_a_confirmed_cancel_and_no_money(
    found: Attempt, able: Capabilities, restored: bool
) -> None:
    if isinstance(stand(found, able, restored=restored), Dead):
        assert has(found, Declined) or has(found, Undone, Source.CANCEL)
        assert not has(found, Succeeded)


def silent_beside_declines(source: Source, answer: Answer) -> bool:
    """Everything but certainty that a call had no effect, money, and confirmed cancels."""
    return not isinstance(answer, Succeeded | NotSent | Misconfigured | Undone)


@settings(max_examples=300)
@given(attempts(least_sends=2, allowed=silent_beside_declines), capabilities, st.data())
def test_later_decline_never_kills_while_an_earlier_send_is_unknown(
    found: Attempt, able: Capabilities, data: st.DataObject
) -> None:
    weak = data.draw(
        st.sampled_from(
            [
                replace(able, idempotency=Idempotency.NONE),
                replace(able, key_stores=KeyStores.SUCCESS_ONLY),
                replace(able, key_stores=KeyStores.NOTHING),
            ]
        )
    )
    lost = data.draw(st.integers(1, found.sends))
    evidence = tuple(p for p in found.evidence if p.send != lost)

    stands = stand(replace(found, evidence=evidence), weak)

    assert isinstance(stands, Open | Waiting | Absent)


def certainly_without_effect(source: Source, answer: Answer) -> bool:
    return source is Source.CHARGE and isinstance(answer, NotSent | Misconfigured)


@given(attempts(least_sends=1, allowed=certainly_without_effect), capabilities, st.data())
def test_calls_without_effect_never_settle_one_that_is_unknown(
    found: Attempt, able: Capabilities, data: st.DataObject
) -> None:
    lost = data.draw(st.integers(1, found.sends))
    evidence = tuple(p for p in found.evidence if p.send != lost)

    assert isinstance(stand(replace(found, evidence=evidence), able), Open)


@settings(max_examples=300)
@given(attempts(), capabilities, st.booleans())
def test_absence_needs_a_conclusive_answer_to_a_late_question(
    found: Attempt, able: Capabilities, restored: bool
) -> None:
    if isinstance(stand(found, able, restored=restored), Absent):
        visible = LAST_POSSIBLE_SEND + able.visibility_lag
        assert any(
            piece.answer == NotFound(conclusive=True) and piece.asked_at >= visible
            for piece in found.evidence
        )
        assert not has(found, Declined)


def nothing_but_absence(_source: Source, answer: Answer) -> bool:
    return isinstance(answer, NotFound | UNKNOWN)


@given(attempts(least_sends=1, allowed=nothing_but_absence), capabilities, st.booleans())
def test_absence_alone_never_proves_a_decline_nor_an_unsent_charge(
    found: Attempt, able: Capabilities, restored: bool
) -> None:
    assert isinstance(stand(found, able, restored=restored), Absent | Open)


@settings(max_examples=300)
@given(attempts(), capabilities, st.booleans())
def test_decline_that_may_turn_is_never_dead_before_a_late_look(
    found: Attempt, able: Capabilities, restored: bool
) -> None:
    late = replace(able, failed_is_final_after=timedelta(hours=10))
    declines = [p for p in found.evidence if isinstance(p.answer, Declined)]

    stands = stand(found, late, restored=restored)

    if isinstance(stands, Dead) and declines:
        final_at = declines[0].at + timedelta(hours=10)
        assert any(p.source is not Source.CHARGE and p.asked_at >= final_at for p in declines)


@settings(max_examples=300)
@given(attempts(), capabilities)
def test_restored_books_never_call_an_attempt_untouched(found: Attempt, able: Capabilities) -> None:
    assert not isinstance(stand(found, able, restored=True), Untouched | WeWereRefused)


@settings(max_examples=300)
@given(attempts(), capabilities)
def test_doubt_about_sends_never_makes_anything_more_certain(
    found: Attempt, able: Capabilities
) -> None:
    if isinstance(stand(found, able, restored=True), Dead):
        assert isinstance(stand(found, able), Dead)


@settings(max_examples=300)
@given(attempts(), capabilities, st.booleans(), st.data())
def test_money_taken_is_never_forgotten(
    found: Attempt, able: Capabilities, restored: bool, data: st.DataObject
) -> None:
    money = Taken | Mismatched | Contradicted
    more = data.draw(pieces(sends=found.sends))

    if isinstance(stand(found, able, restored=restored), money):
        after = replace(found, evidence=(*found.evidence, more))
        assert isinstance(stand(after, able, restored=restored), money)


@settings(max_examples=300)
@given(attempts(), capabilities)
def test_untouched_means_that_every_send_certainly_had_no_effect(
    found: Attempt, able: Capabilities
) -> None:
    if isinstance(stand(found, able), Untouched | WeWereRefused):
        for send in range(1, found.sends + 1):
            answers = [p.answer for p in found.evidence if p.send == send]
            assert any(isinstance(answer, NotSent | Misconfigured) for answer in answers)
        assert not has(found, Declined)
        assert not has(found, Pending)
        assert not has(found, Succeeded)
