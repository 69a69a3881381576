"""Judges a step by its answer, its calls and the fake's books: of several faults the cause."""

from datetime import timedelta

from external_gate.domain.charge import Capabilities
from external_gate.domain.outcome import Declined, NotFound, NotSent, Succeeded, Undone
from external_gate.testkit.call_trace import mutations
from external_gate.testkit.deeds import Deeded
from external_gate.testkit.proxy_faults import ProxyFault
from external_gate.testkit.rig import Situation
from external_gate.testkit.scenario import Deed, Scenario, Step
from external_gate.testkit.violation import Notebook
from external_gate.testkit.words import spoken, word_of

GRACE = timedelta(seconds=2)
"""How much longer than declared a call may take before the core cuts it off."""

LONGEST_GAP_SECONDS = 0.25
"""Of a call that is held for one second."""

LONGEST_SHOWN = 160
"""Characters of an answer in a sentence."""

SETTLING = frozenset({Situation.PENDING_THEN_SUCCEEDS, Situation.PENDING_THEN_DECLINED})
"""Payers whose charge may become final by being looked at."""

CHARGES = frozenset(
    {Deed.CHARGE, Deed.CHARGES_AT_ONCE, Deed.CHARGE_CUT, Deed.CHARGE_TOO_LATE, Deed.ODD_TEXTS}
)


class Judge:
    """Judges the steps of one scenario."""

    def __init__(self, book: Notebook, scenario: Scenario, capabilities: Capabilities) -> None:
        self._book = book
        self._scenario = scenario
        self._capabilities = capabilities

    def judge(self, step: Step, done: Deeded) -> bool:
        """Write down what does not hold; gives whether the scenario may go on."""
        for text in (*map(repr, done.answers), *_errors(done.error)):
            shown = self._book.masked(text)[:LONGEST_SHOWN]
            sentence = f"{step.do}{_faults_told(step)} gave away a secret: {shown}"
            bare = not self._book.holds_secret(text)
            self._book.must("secrets-stay-out-of-answers", bare, sentence, done.calls)
        sentence = f"{step.do} changed the charge it got"
        self._book.must("input-unchanged", not done.input_changed, sentence)
        if not (self._sent_once(step, done) and self._came_back(step, done)):
            return False
        self._kept_manners(step, done)
        if step.do is Deed.CHARGE_CUT:
            return True  # nobody heard its answer
        fair = [self._is_fair(step, done, answer) for answer in done.answers]
        return all(fair)

    def _sent_once(self, step: Step, done: Deeded) -> bool:
        if step.do not in CHARGES or not done.calls:
            return True
        moved = mutations(done.calls)
        if any(call.fault is ProxyFault.REDIRECT for call in moved):
            check = "no-redirects"
            sentence = "charge followed a redirect and sent the charge again"
        else:
            check = "one-call-per-charge"
            sentence = f"charge made {len(moved)} calls that can move money{_faults_told(step)}"
        once = len(moved) <= done.sends
        return self._book.must(check, once, sentence, done.calls, done.books)

    def _came_back(self, step: Step, done: Deeded) -> bool:
        what = f"{step.do}{_faults_told(step)}"
        raised = done.error is not None and not done.timed_out
        sentence = f"{what} raised {type(done.error).__name__}"
        if not self._book.must("never-raises", not raised, sentence, done.calls):
            return False
        limit = self._capabilities.request_timeout + GRACE
        late = done.timed_out or done.seconds > limit.total_seconds()
        sentence = f"{what} did not come back in time"
        return self._book.must("comes-back-in-time", not late, sentence, done.calls)

    def _kept_manners(self, step: Step, done: Deeded) -> None:
        if step.heartbeat:
            still = done.gap_seconds
            sentence = f"the event loop stood still for {still:.1f} s of a call held for 1 s"
            self._book.must("does-not-block", still < LONGEST_GAP_SECONDS, sentence, done.calls)
        if ProxyFault.REFUSE not in step.faults and step.do is not Deed.CHARGE_CUT:
            around = len(done.calls) - done.caller_calls
            sentence = f"{around} of {len(done.calls)} calls went past surroundings.caller"
            self._book.must("only-way-out", around <= 0, sentence, done.calls)

    def _is_fair(self, step: Step, done: Deeded, answer: object) -> bool:
        """Judge one answer by what was sent and by the books."""
        word = word_of(answer, step.do)
        said = f"{step.do}{_faults_told(step)} was answered {spoken(answer)}"
        if word is None:
            sentence = f"{said}, which it may not answer"
            return self._book.must("never-raises", holds=False, sentence=sentence)
        if isinstance(answer, NotSent):
            arrived = [call for call in done.calls if not call.preparation]
            sentence = f"{said} although the request arrived"
            if not self._book.must(
                "not-sent-is-proven", not arrived, sentence, done.calls, done.books
            ):
                return True
        fair = not step.allow or word in step.allow or _asked_again(answer, done, step)
        sentence = f"{said}; honest would be: {', '.join(sorted(step.allow))}"
        if self._book.must(step.check, fair, sentence, done.calls, done.books):
            self._compare_with_books(step, done, answer, said)
        return True

    def _compare_with_books(self, step: Step, done: Deeded, answer: object, said: str) -> None:
        calls, books = done.calls, done.books
        if books is None:
            return
        if step.do is Deed.LOOKUP and self._scenario.payer not in SETTLING:
            quiet = len(books) == done.took_before
            self._book.must("lookup-is-harmless", quiet, "a lookup took money", calls, books)
        kept = [one for one in books if not one.refunded]
        match answer:
            case Succeeded():
                self._compare_success(done, answer, said)
            case Declined():
                sentence = f"{said} although money was taken"
                self._book.must("decline-is-no-money", not kept, sentence, calls, books)
            case NotFound(conclusive=True):
                waiting = self._capabilities.visibility_lag > timedelta(0) and not step.after_lag
                sentence = f"{said} although the gateway had taken the money"
                holds = waiting or not books
                self._book.must("absence-after-lag", holds, sentence, calls, books)
            case Undone():
                sentence = f"{said} although the money was still taken"
                self._book.must("undone-is-proven", not kept, sentence, calls, books)
            case _:
                pass

    def _compare_success(self, done: Deeded, answer: Succeeded, said: str) -> None:
        calls, books = done.calls, done.books or []
        if answer.reference not in (None, done.charge.attempt_key):
            self._book.tried("answers-name-their-charge")
            return  # the core compares the reference and holds the workflow
        replayed = any(call.fault is ProxyFault.REPLAY_OLDER for call in calls)
        check = "answers-name-their-charge" if replayed else "success-is-money"
        if not self._book.must(check, bool(books), f"{said} and no money was taken", calls, books):
            return
        took = books[0].amount
        if self._scenario.payer is not Situation.TAKES_LESS:
            asked = done.charge.amount
            sentence = f"{asked} was asked for and {took} was taken"
            check = self._scenario.amount_check
            if not self._book.must(check, took == asked, sentence, calls, books):
                return
        honest = any(one.amount == answer.amount for one in books)
        sentence = f"the answer says {answer.amount}, the books say {took}"
        self._book.must("reports-what-was-taken", honest, sentence, calls, books)


def _errors(error: BaseException | None) -> list[str]:
    texts = []
    while error is not None:
        texts.append(repr(error))
        error = error.__cause__ or error.__context__
    return texts


def _asked_again(answer: object, done: Deeded, step: Step) -> bool:
    """Whether a success after a fault rests on a second, harmless question of the adapter."""
    asked = [call for call in done.calls if not call.moves_money and not call.preparation]
    proven = any(call.answer_status and call.fault is ProxyFault.PASS for call in asked)
    return step.do in CHARGES and isinstance(answer, Succeeded) and proven


def _faults_told(step: Step) -> str:
    struck = [fault for fault in step.faults if fault is not ProxyFault.PASS]
    return f" under {', '.join(struck)}" if struck else ""
