"""What an attempt's evidence proves, rule by rule; tests are named after the harm they prevent."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from external_gate.domain.charge import Cancel, Capabilities, Idempotency, KeyStores, Lookup
from external_gate.domain.evidence import Evidence, Source
from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    Misconfigured,
    NotFound,
    NotSent,
    Outcome,
    Pending,
    Succeeded,
    TooLate,
    Undo,
    Undone,
    UndoPending,
    UndoUnknown,
    Unknown,
)
from external_gate.domain.standing import (
    CANCELLED,
    CUSTOMER_NEEDED,
    Absent,
    Contradicted,
    Dead,
    Mismatched,
    Open,
    Taken,
    Untouched,
    Waiting,
    WeWereRefused,
)
from tests.domain.conftest import (
    CHARGE,
    KEYLESS,
    LAG,
    LAST_POSSIBLE_SEND,
    PROOF,
    START,
    STRONG,
    SUCCESS_ONLY,
    WINDOW,
    cancelled,
    later,
    looked,
    refunded,
    sent,
    standing,
    told,
)

NO = Declined(DeclineKind.HARD, code="expired_card")
LOST = Unknown("timeout")
UNSENT = NotSent("no connection")
REFUSED_US = Misconfigured("HTTP 401")
GONE = NotFound(conclusive=True)
EXPIRED = START + WINDOW
VISIBLE = LAST_POSSIBLE_SEND + LAG
WEAK = [
    pytest.param(SUCCESS_ONLY, id="success only"),
    pytest.param(replace(SUCCESS_ONLY, key_stores=KeyStores.NOTHING), id="stores nothing"),
    pytest.param(KEYLESS, id="no key"),
]


# --- Unknown is not known ---------------------------------------------------------------------


def test_saved_intent_without_an_answer_is_not_taken_for_unsent() -> None:
    assert isinstance(standing(sends=1), Open)


def test_timeout_is_neither_a_decline_nor_a_payment() -> None:
    assert standing(sent(1, LOST)) == Open("timeout")


@pytest.mark.parametrize("known", [PROOF, NO, Pending(), UNSENT, REFUSED_US])
def test_unknown_never_overwrites_what_is_known(known: Outcome) -> None:
    before, after = (LOST, known), (known, LOST)

    assert standing(*(sent(1, answer) for answer in before)) == standing(sent(1, known))
    assert standing(*(sent(1, answer) for answer in after)) == standing(sent(1, known))


def test_authorisation_is_not_released_as_money() -> None:
    assert standing(sent(1, Pending("ch_1"))) == Waiting(Pending("ch_1"))


def test_pending_charge_is_not_sent_again_because_a_lookup_does_not_find_it() -> None:
    assert standing(sent(1, Pending("ch_1")), looked(GONE)) == Waiting(Pending("ch_1"))


def test_latest_pending_tells_where_the_customer_must_go() -> None:
    asks = Pending("ch_1", needs_customer=True, action_url="https://pay.example/1")

    assert standing(sent(1, Pending()), looked(asks)) == Waiting(asks)


# --- Certain that nothing left ----------------------------------------------------------------


def test_attempt_that_never_left_blocks_nobody() -> None:
    assert standing(sends=0) == Untouched()
    assert standing(sent(1, UNSENT)) == Untouched("no connection")
    assert standing(sent(1, UNSENT), sent(2, UNSENT), sends=2) == Untouched("no connection")


def test_refusal_of_our_key_is_not_a_decline_of_the_customer() -> None:
    assert standing(sent(1, REFUSED_US)) == WeWereRefused("HTTP 401")
    assert standing(sent(1, UNSENT), sent(2, REFUSED_US), sends=2) == WeWereRefused("HTTP 401")


def test_mended_configuration_is_not_held_for_the_old_refusal() -> None:
    assert standing(sent(1, REFUSED_US), sent(2, UNSENT), sends=2) == Untouched("no connection")


@pytest.mark.parametrize("call", [UNSENT, REFUSED_US])
@pytest.mark.parametrize("earlier", [(), (sent(1, LOST),)], ids=["silent", "timeout"])
def test_failed_re_send_does_not_settle_a_lost_first_send(
    call: Outcome, earlier: tuple[Evidence, ...]
) -> None:
    assert isinstance(standing(*earlier, sent(2, call), sends=2), Open)


@pytest.mark.parametrize("call", [UNSENT, REFUSED_US])
def test_failed_first_send_does_not_settle_a_lost_re_send(call: Outcome) -> None:
    assert isinstance(standing(sent(1, call), sends=2), Open)


def test_refused_lookup_says_nothing_about_the_charge() -> None:
    assert isinstance(standing(looked(REFUSED_US), looked(UNSENT)), Open)


# --- Dead -------------------------------------------------------------------------------------


@pytest.mark.parametrize("capabilities", [pytest.param(STRONG, id="every answer"), *WEAK])
@pytest.mark.parametrize("decline", [sent(1, NO), looked(NO)], ids=["answered", "looked up"])
def test_decline_of_the_only_send_is_final(capabilities: Capabilities, decline: Evidence) -> None:
    assert standing(decline, capabilities=capabilities) == Dead(NO)


def test_told_decline_is_final_where_the_key_stores_every_answer() -> None:
    assert standing(told(NO), capabilities=STRONG) == Dead(NO)


@pytest.mark.parametrize("capabilities", WEAK)
def test_told_decline_is_a_hint_where_a_repeat_may_have_begun_another_charge(
    capabilities: Capabilities,
) -> None:
    """A proxy repeated the send: the notice speaks of one charge, the other may be taken."""
    assert standing(told(NO), capabilities=capabilities) != Dead(NO)


def test_told_decline_of_the_very_charge_that_is_open_settles_it_where_nobody_can_look() -> None:
    blind = replace(SUCCESS_ONLY, lookup=Lookup.NONE)
    open_charge = sent(1, Pending(charge_id="ch_1"))
    same = told(replace(NO, charge_id="ch_1"))
    other = told(replace(NO, charge_id="ch_2"))

    assert isinstance(standing(open_charge, same, capabilities=blind), Dead)
    assert not isinstance(standing(open_charge, other, capabilities=blind), Dead)


@pytest.mark.parametrize("capabilities", WEAK)
@pytest.mark.parametrize("earlier", [(), (sent(1, LOST),)], ids=["silent", "timeout"])
def test_customer_who_paid_by_a_lost_send_is_not_failed_for_a_declined_re_send(
    capabilities: Capabilities, earlier: tuple[Evidence, ...]
) -> None:
    found = standing(*earlier, sent(2, NO), sends=2, capabilities=capabilities)

    assert isinstance(found, Open)


@pytest.mark.parametrize("capabilities", WEAK)
@pytest.mark.parametrize("hear", [looked, told])
def test_one_declined_charge_of_two_unknown_sends_does_not_speak_for_the_other(
    capabilities: Capabilities, hear: Callable[[Declined], Evidence]
) -> None:
    found = standing(sent(1, LOST), sent(2, LOST), hear(NO), sends=2, capabilities=capabilities)

    assert isinstance(found, Open)


def test_decline_under_a_key_that_stores_every_answer_speaks_for_every_send() -> None:
    assert standing(sent(1, LOST), sent(2, NO), sends=2) == Dead(NO)


@pytest.mark.parametrize("capabilities", [STRONG, SUCCESS_ONLY])
def test_expired_key_makes_a_decline_speak_for_one_call_only(capabilities: Capabilities) -> None:
    declined = sent(2, NO, at=EXPIRED)

    assert isinstance(standing(sent(1, LOST), declined, sends=2, capabilities=capabilities), Open)


def test_decline_just_inside_the_window_is_final() -> None:
    declined = sent(2, NO, at=EXPIRED - timedelta(milliseconds=1))

    assert standing(sent(1, LOST), declined, sends=2) == Dead(NO)


@pytest.mark.parametrize("capabilities", WEAK)
def test_all_sends_declined_is_final_without_any_key(capabilities: Capabilities) -> None:
    pieces = sent(1, NO), sent(2, UNSENT), sent(3, NO)

    assert standing(*pieces, sends=3, capabilities=capabilities) == Dead(NO)


def test_late_certainty_that_nothing_left_lets_the_decline_settle() -> None:
    pieces = sent(2, NO), sent(1, UNSENT)

    assert standing(*pieces, sends=2, capabilities=KEYLESS) == Dead(NO)


def test_soft_decline_stays_soft() -> None:
    soft = Declined(DeclineKind.SOFT, code="insufficient_funds")

    assert standing(sent(1, soft)) == Dead(soft)


# --- Cancels ----------------------------------------------------------------------------------


def test_cancel_by_key_burns_the_key_of_every_send() -> None:
    pieces = sent(1, LOST), sent(2, LOST), cancelled(Undone())

    assert standing(*pieces, sends=2) == Dead(CANCELLED)


def test_cancel_of_one_charge_does_not_kill_an_unknown_second_send() -> None:
    pieces = sent(1, Pending("ch_1")), sent(2, LOST), cancelled(Undone())

    assert isinstance(standing(*pieces, sends=2, capabilities=SUCCESS_ONLY), Waiting)


def test_cancel_of_the_only_charge_kills_the_attempt() -> None:
    pieces = sent(1, Pending("ch_1")), cancelled(Undone())

    assert standing(*pieces, capabilities=SUCCESS_ONLY) == Dead(CANCELLED)


@pytest.mark.parametrize("answer", [UndoPending(), TooLate(), UndoUnknown("timeout")])
def test_cancel_that_is_not_confirmed_proves_nothing(answer: Undo) -> None:
    assert standing(sent(1, Pending()), cancelled(answer)) == Waiting(Pending())
    assert isinstance(standing(sent(1, LOST), cancelled(answer)), Open)


def test_refund_is_not_a_cancel() -> None:
    assert isinstance(standing(sent(1, LOST), refunded(Undone())), Open)
    assert isinstance(standing(sent(1, PROOF), refunded(Undone())), Taken)


def test_customer_who_could_not_act_may_be_asked_again_by_schedule() -> None:
    stuck = Pending("ch_1", needs_customer=True)

    assert standing(sent(1, stuck), cancelled(Undone())) == Dead(CUSTOMER_NEEDED)
    assert CUSTOMER_NEEDED.kind is DeclineKind.SOFT


# --- Money ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", [CHARGE.attempt_key, None])
def test_matching_charge_is_taken(reference: str | None) -> None:
    proof = replace(PROOF, reference=reference)

    assert standing(sent(1, proof)) == Taken(proof, frozenset({"ch_1"}))


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (replace(PROOF, amount=Money(1499, "USD")), "14.99 USD was taken instead of 15.00 USD"),
        (replace(PROOF, amount=Money(1500, "EUR")), "15.00 EUR was taken instead of 15.00 USD"),
        (replace(PROOF, reference="another"), "it carries the reference 'another' of something"),
        (replace(PROOF, charge_id=""), "it carries no charge id"),
    ],
)
def test_charge_of_something_else_is_not_released_as_paid(found: Succeeded, why: str) -> None:
    stands = standing(sent(1, found))

    assert isinstance(stands, Mismatched)
    assert stands.found == found
    assert stands.why.startswith(why)


def test_matching_charge_does_not_hide_one_that_took_another_amount() -> None:
    wrong = replace(PROOF, charge_id="ch_2", amount=Money(9900, "USD"))

    assert isinstance(standing(sent(1, PROOF), looked(wrong)), Mismatched)


def test_second_charge_under_one_key_is_counted() -> None:
    second = replace(PROOF, charge_id="ch_2")

    assert standing(sent(1, PROOF), looked(second)) == Taken(PROOF, frozenset({"ch_1", "ch_2"}))


@pytest.mark.parametrize("turn", [1, -1], ids=["decline first", "success first"])
@pytest.mark.parametrize("word", [looked(NO), cancelled(Undone())], ids=["declined", "cancelled"])
def test_final_word_beside_a_success_decides_nothing_by_itself(turn: int, word: Evidence) -> None:
    pieces = [word, sent(1, PROOF)][::turn]

    assert isinstance(standing(*pieces), Contradicted)


def test_decline_of_another_send_does_not_contradict_the_charge() -> None:
    pieces = sent(1, PROOF), sent(2, NO)

    assert isinstance(standing(*pieces, sends=2, capabilities=KEYLESS), Taken)


@pytest.mark.parametrize("capabilities", [pytest.param(STRONG, id="every answer"), *WEAK])
def test_charge_that_was_taken_back_is_not_released(capabilities: Capabilities) -> None:
    """Also where a decline does not settle every send: it speaks of the very charge."""
    reversal = told(replace(NO, charge_id="ch_1"))

    found = standing(sent(1, LOST), sent(2, PROOF), reversal, sends=2, capabilities=capabilities)

    assert isinstance(found, Contradicted)


@pytest.mark.parametrize("capabilities", WEAK)
def test_decline_before_its_capture_or_of_another_charge_takes_nothing_back(
    capabilities: Capabilities,
) -> None:
    late = sent(1, LOST), told(replace(NO, charge_id="ch_1")), sent(2, PROOF)
    other = sent(1, LOST), sent(2, PROOF), told(replace(NO, charge_id="ch_2"))

    assert isinstance(standing(*late, sends=2, capabilities=capabilities), Taken)
    assert isinstance(standing(*other, sends=2, capabilities=capabilities), Taken)


# --- Absence ----------------------------------------------------------------------------------


def test_absence_allows_one_more_send_and_proves_no_decline() -> None:
    assert standing(sent(1, LOST), looked(GONE, at=VISIBLE)) == Absent()


@pytest.mark.parametrize("pieces", [(), (sent(1, LOST),)], ids=["silent", "timeout"])
def test_charge_that_may_still_be_on_its_way_is_not_absent(pieces: tuple[Evidence, ...]) -> None:
    early = looked(GONE, at=VISIBLE - timedelta(milliseconds=1))

    assert isinstance(standing(*pieces, early, now=later(hours=9)), Open)


def test_slow_answer_to_an_early_question_is_not_absence() -> None:
    asked_early = Evidence(Source.LOOKUP, GONE, asked_at=later(10), at=VISIBLE)

    assert isinstance(standing(sent(1, LOST), asked_early), Open)


def test_question_from_the_future_is_not_believed_after_the_clock_was_set_back() -> None:
    assert isinstance(standing(looked(GONE, at=later(hours=9)), now=later(30)), Open)


def test_first_not_found_is_not_trusted_where_the_gateway_promises_nothing() -> None:
    assert isinstance(standing(sent(1, LOST), looked(NotFound(conclusive=False))), Open)


def test_absence_before_the_latest_send_says_nothing_about_it() -> None:
    assert isinstance(standing(looked(GONE, at=later(1)), sent(1, LOST)), Open)


def test_declined_charge_is_not_tried_again_because_a_lookup_misses_it() -> None:
    pieces = sent(1, LOST), sent(2, NO), looked(GONE)

    assert isinstance(standing(*pieces, sends=2, capabilities=SUCCESS_ONLY), Open)


# --- Declines that may still turn -------------------------------------------------------------

LATE = replace(STRONG, failed_is_final_after=timedelta(hours=10))


def test_decline_that_may_still_turn_is_not_failed() -> None:
    found = standing(sent(1, NO), capabilities=LATE, now=later(hours=99))

    assert found == Waiting(Pending(), final_at=later(1, hours=10))


def test_decline_is_final_once_a_later_look_confirms_it() -> None:
    early = looked(NO, at=later(hours=10))
    late = looked(NO, at=later(1, hours=10))

    assert isinstance(standing(sent(1, NO), early, capabilities=LATE), Waiting)
    assert standing(sent(1, NO), early, late, capabilities=LATE) == Dead(NO)
    assert standing(sent(1, NO), late, early, capabilities=LATE) == Dead(NO)


def test_look_that_began_too_early_does_not_make_the_decline_final() -> None:
    slow = Evidence(Source.LOOKUP, NO, asked_at=later(hours=10), at=later(hours=11))

    assert isinstance(standing(sent(1, NO), slow, capabilities=LATE), Waiting)


def test_replayed_decline_does_not_prove_that_nothing_was_captured_since() -> None:
    replay = sent(2, NO, at=later(hours=11))

    assert isinstance(standing(sent(1, NO), replay, sends=2, capabilities=LATE), Waiting)


def test_another_try_under_the_key_may_turn_as_late_as_itself() -> None:
    capabilities = replace(SUCCESS_ONLY, failed_is_final_after=timedelta(hours=10))
    tries = sent(1, NO), sent(2, NO, at=later(hours=9))
    look = looked(NO, at=later(hours=11))

    found = standing(*tries, look, sends=2, capabilities=capabilities)

    assert found == Waiting(Pending(), final_at=later(hours=19))


def test_late_capture_of_a_decline_that_could_turn_is_paid_and_not_held() -> None:
    captured = looked(PROOF, at=later(hours=5))

    assert isinstance(standing(sent(1, NO), captured, capabilities=LATE), Taken)


def test_capture_of_a_decline_that_was_final_is_a_contradiction() -> None:
    final, captured = looked(NO, at=later(hours=11)), looked(PROOF, at=later(hours=12))

    found = standing(sent(1, NO), final, captured, capabilities=LATE)

    assert isinstance(found, Contradicted)


def test_reversal_of_a_charge_is_not_released_because_declines_may_turn() -> None:
    reversed_again = looked(NO, at=later(hours=5))

    assert isinstance(standing(sent(1, PROOF), reversed_again, capabilities=LATE), Contradicted)


# --- Books that have forgotten ----------------------------------------------------------------


@pytest.mark.parametrize("pieces", [(), (sent(1, UNSENT),), (sent(1, REFUSED_US),)])
def test_restored_books_never_say_that_nothing_was_sent(pieces: tuple[Evidence, ...]) -> None:
    assert isinstance(standing(*pieces, sends=len(pieces), restored=True), Open)


@pytest.mark.parametrize("capabilities", WEAK)
@pytest.mark.parametrize("word", [sent(1, NO), looked(NO), cancelled(Undone())])
def test_restored_books_cannot_count_sends(capabilities: Capabilities, word: Evidence) -> None:
    assert not isinstance(standing(word, capabilities=capabilities, restored=True), Dead)


def test_restored_books_still_know_what_the_key_proves() -> None:
    assert standing(sent(1, NO), restored=True) == Dead(NO)
    assert standing(cancelled(Undone()), restored=True) == Dead(CANCELLED)
    assert isinstance(standing(looked(PROOF), restored=True), Taken)


@pytest.mark.parametrize("capabilities", WEAK)
@pytest.mark.parametrize("pieces", [(), (sent(1, UNSENT),)], ids=["no send", "unsent"])
def test_decline_of_a_send_that_was_forgotten_is_not_the_only_one_for_sure(
    capabilities: Capabilities, pieces: tuple[Evidence, ...]
) -> None:
    found = standing(*pieces, looked(NO), sends=len(pieces), capabilities=capabilities)

    assert isinstance(found, Open)


def test_keyless_gateway_with_a_window_promises_nothing() -> None:
    boasting = replace(STRONG, idempotency=Idempotency.NONE, cancel=Cancel.NONE)

    assert isinstance(standing(sent(1, LOST), sent(2, NO), sends=2, capabilities=boasting), Open)
