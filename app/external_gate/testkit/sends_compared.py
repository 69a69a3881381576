"""Compares the sends of a scenario: one key per attempt, the same bytes in every repeat."""

from collections.abc import Sequence

from external_gate.domain.charge import Capabilities, Idempotency
from external_gate.testkit.call_trace import TracedCall, mutations
from external_gate.testkit.violation import Notebook


class Sends:
    """Every charge request that went out, by attempt."""

    def __init__(self) -> None:
        self._by_attempt: dict[str, list[TracedCall]] = {}
        self._built: dict[str, bytes] = {}

    def add(self, attempt_key: str, built: bytes, calls: Sequence[TracedCall]) -> None:
        """Remember the calls of one send."""
        self._built[attempt_key] = built
        self._by_attempt.setdefault(attempt_key, []).extend(mutations(calls))

    def judge(self, book: Notebook, capabilities: Capabilities, key_header: str | None) -> None:
        """Write down what differs between sends that must be alike."""
        if not any(self._by_attempt.values()):
            return
        if capabilities.idempotency is not Idempotency.NONE:
            if key_header is None:
                self._judge_reference(book)
            else:
                self._judge_keys(book, key_header, longest=capabilities.key_longest)
        for attempt, calls in self._by_attempt.items():
            self._judge_bytes(book, attempt, calls)

    def _judge_keys(self, book: Notebook, header: str, *, longest: int) -> None:
        owners: dict[str, str] = {}
        for attempt, calls in self._by_attempt.items():
            keys = list(dict.fromkeys(call.key for call in calls))
            if not book.must(
                "key-per-attempt",
                all(keys),
                f"a charge was sent without the header {header}",
                calls,
            ):
                continue
            sentence = f"one attempt was sent with {len(keys)} different keys"
            book.must("key-per-attempt", len(keys) <= 1, sentence, calls)
            for key in keys:
                sentence = f"a key of {len(key)} characters was sent, key_longest is {longest}"
                book.must("key-per-attempt", len(key) <= longest, sentence, calls)
                alone = owners.setdefault(key, attempt) == attempt
                book.must("key-per-attempt", alone, "two attempts were sent with one key", calls)

    def _judge_reference(self, book: Notebook) -> None:
        for attempt, calls in self._by_attempt.items():
            for call in calls:
                said = f"{call.path} {call.headers} {call.body.decode('latin-1')}"
                sentence = "the attempt key stands nowhere in the request of a charge"
                book.must("key-per-attempt", attempt in said, sentence, [call])

    def _judge_bytes(self, book: Notebook, attempt: str, calls: list[TracedCall]) -> None:
        different = {call.body for call in calls}
        sentence = f"a repeat changed the request: {len(calls)} sends had {len(different)} bodies"
        if not book.must("same-bytes", len(different) <= 1, sentence, calls):
            return
        sentence = "what was sent is not what build gave: the core stores and compares that"
        book.must("same-bytes", different <= {self._built[attempt]}, sentence, calls)
