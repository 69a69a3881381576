"""One run: a workflow goes its way by the verbs below, among real processes that may be killed.

Whoever dies at the point is started again, as any supervisor does it; then the play goes on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from external_gate.domain.workflow import ENDED, State
from metronome import Metronome
from tests.crashes.company import PATIENCE_SECONDS, Company
from tests.crashes.doom import moved_by
from tests.crashes.nursery import lives
from tests.stories.players import TOKEN, Account, Json

Found = TypeVar("Found")

MANY_JUMPS = 20
"""After so many looks in vain each jump is an hour longer: some wait a day for a person."""


@dataclass
class Stage:
    """What a play may do, and what it may wait for."""

    company: Company
    workflow: Json = field(default_factory=dict)
    """Metronome's own record of it, as it was opened."""
    acts: int = 0
    jumps: int = 0

    # What a play may do ------------------------------------------------------------------------

    def begin(self, method: str = "pm_ok", *, gateway: str = "main", amount: str = "1500") -> None:
        """Let a customer reach their threshold; Metronome opens a workflow and tells us."""
        account = self._account()
        payer = {"gateway_customer": "cus_1", "gateway_payment_method": method}
        fields = {**payer, "gateway": gateway}
        customer_id = account.sdk.v1.customers.create(name="Ada", custom_fields=fields).data.id
        contract_id = account.contract(customer_id)
        account.use(customer_id, contract_id, amount)
        (self.workflow,) = self.company.metronome.books()["workflows"]

    def finish(self, status: str) -> None:
        """Let the host end its newest charge, which is pending."""
        charges = self.until(self.company.host.charges, "the host has no charge", passing=True)
        self.company.host.finish(charges[-1]["attempt_key"], status)

    def void_invoice(self) -> None:
        """Let somebody void the invoice at Metronome."""
        self.company.metronome.control(f"invoices/{self.workflow['invoice_id']}/void")

    def expire(self, *, void_invoice: bool) -> None:
        """Let Metronome lose patience."""
        path = f"workflows/{self.workflow['workflow_id']}/expire"
        self.company.metronome.control(path, void_invoice=void_invoice)

    def act(self, what: str) -> None:
        """Let a person act, and again when their command was killed or somebody was at it."""
        while True:
            said = self._act_once(what)
            # Refused after a kill: it had been done, or the workflow has gone another way since.
            if said == "done" or (said.startswith("refused") and self.company.was_struck):
                return
            assert not said.startswith("refused"), f"{what}: {said}"
            self.until(self._is_free, f"{what}: busy for ever", passing=True)

    def _act_once(self, what: str) -> str:
        self.acts += 1
        answer = self.company.folder / f"answer-{self.acts}"
        workflow_id = str(self.workflow["workflow_id"])
        person = self.company.start_person(what, workflow_id=workflow_id, answer=answer)
        self.until(lambda: not lives(person), f"{what}: the command does not end")
        assert answer.exists() or self.company.was_struck, self.company.log("person")
        return answer.read_text() if answer.exists() else ""

    def jump(self, seconds: float) -> None:
        """Move the service's clock."""
        self._set_clock(moved_by(self._clock) + seconds)

    # What a play may wait for ------------------------------------------------------------------

    def until_been(self, *states: State) -> None:
        """Wait until the workflow has been in one of the states, or can come there no more."""
        self._until(lambda: self._has_been(*states), f"it never was {states}")

    def until_told(self, state: State) -> None:
        """Wait until the workflow has been in a state, without bringing any look forward."""
        self.until(lambda: self._has_been(state), f"it is not {state}: nobody looked")

    def until_tries(self, number: int) -> None:
        """Wait until so many rungs were climbed: then nobody looks at it for seconds."""
        self._until(lambda: self._is_free() and self._row()["tries"] >= number, "no rung climbed")

    def until_charges(self, number: int) -> None:
        """Wait until the host has heard of so many charges."""
        self._until(lambda: len(self.company.host.charges()) >= number, f"no {number} charges")

    def until_answered_twice(self) -> None:
        """Wait for two more answers of the host: one may have been on its way already."""
        wanted = self._answers() + 2
        self._until(lambda: self._answers() >= wanted, "the host is not asked any more")

    def until_answered_by_metronome(self) -> None:
        """Wait until a release has been answered; no time passes, so the next stays far away."""

        def answered() -> bool:
            told = self._ask("SELECT 1 FROM releases WHERE answered_at IS NOT NULL")
            return (bool(told) and self._is_free()) or self._has_ended()

        self.until(answered, "no release was answered")

    def until_over(self) -> None:
        """Wait until it is held or has ended, and what follows a failed payment was looked at."""
        self._until(lambda: self._row()["state"] == State.HELD, "it neither ends nor is held")
        self.until(self._is_followed_up, "nobody looks at what follows the failed payment")

    def _until(self, look: Callable[[], bool], otherwise: str) -> None:
        self.until(
            lambda: self.row() is not None and (look() or self._has_ended()),
            otherwise,
            passing=True,
        )

    def until(
        self, look: Callable[[], Found | None], otherwise: str, *, passing: bool = False
    ) -> Found:
        """Look again and again, and see to the service; with `passing` nobody waits for clocks."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            row = self.row()  # from before the look: what it missed must not be passed over
            found = look()
            if found:
                return found
            self.company.look_after()
            self._let_time_pass(row, due=passing)
            time.sleep(0.02)  # asked again: another process sets no event here
        raise AssertionError(f"{otherwise}: {self.row()} {self.company.log('service')[-3000:]}")

    # Time --------------------------------------------------------------------------------------

    def _let_time_pass(self, row: Json | None, *, due: bool) -> None:
        """Move the clock past the lease of the dead; with `due` also to when a look is due."""
        if row is None or row["claimable_at"] is None:
            self._let_lease_of_aftermath_pass()
            return
        if row["lease_until"] is None and not due:
            return
        if row["lease_until"] is not None and self.company.is_at_work(row["lease_owner"]):
            return
        moved = moved_by(self._clock)
        missing = row["claimable_at"] / 1000 - time.time() - moved
        if missing > 0:
            self.jumps += 1
            self._set_clock(moved + missing + (3600 if self.jumps > MANY_JUMPS else 0))

    def _let_lease_of_aftermath_pass(self) -> None:
        for row in self._ask("SELECT * FROM aftermaths WHERE lease_until IS NOT NULL"):
            missing = row["lease_until"] / 1000 - time.time() - moved_by(self._clock)
            if missing > 0 and self.company.was_struck:
                self.jump(missing)

    @property
    def _clock(self) -> Path:
        return self.company.folder / "clock"

    def _set_clock(self, seconds: float) -> None:
        new = self.company.folder / "clock.new"
        new.write_text(str(seconds))
        new.replace(self._clock)  # never half a number, and never none

    # Books -------------------------------------------------------------------------------------

    def row(self) -> Json | None:
        """Give the service's own row of the workflow; None while it has none."""
        rows = self._ask("SELECT * FROM workflows")
        return rows[0] if rows else None

    def _row(self) -> Json:
        return self.row() or {"state": "", "tries": 0, "lease_until": 0}

    def _is_free(self) -> bool:
        return self._row()["lease_until"] is None

    def _has_ended(self) -> bool:
        return self._row()["state"] in ENDED

    def _is_followed_up(self) -> bool:
        waiting = "SELECT 1 FROM aftermaths WHERE due_at <= began_at OR lease_until IS NOT NULL"
        return not self._ask(waiting)

    def _has_been(self, *states: State) -> bool:
        told = self._ask("SELECT to_state FROM history WHERE to_state IS NOT NULL")
        return any(entry["to_state"] in states for entry in told)

    def _answers(self) -> int:
        return len(self._ask("SELECT 1 FROM evidence"))

    def _ask(self, sql: str) -> list[Json]:
        return self.company.place.ask(sql)

    def _account(self) -> Account:
        sdk = Metronome(
            bearer_token=TOKEN,
            base_url=self.company.players.emulator_url,
            max_retries=0,
            http_client=self.company.http,
            _strict_response_validation=True,
        )
        return Account(self.company.players, sdk)
