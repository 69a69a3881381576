"""Adapters for Piggy Pay with one fault each in how they read answers, as people write them."""

from dataclasses import replace
from datetime import datetime, timedelta

from external_gate.domain.charge import Charge, SentCharge
from external_gate.domain.money import Money
from external_gate.domain.outcome import (
    Declined,
    DeclineKind,
    NotFound,
    NotSent,
    Outcome,
    Succeeded,
    Undo,
    Undone,
    Unknown,
)
from external_gate.gateways.gateway import GatewayNotice
from external_gate.outbound.calls import Answered, CallEnd
from tests.testkit.piggy_adapter import Json, PiggyGateway


class ServerErrorIsDecline(PiggyGateway):
    def failed(self, end: Answered) -> Outcome:
        return Declined(DeclineKind.SOFT, f"http_{end.status}")


class TimeoutIsDecline(PiggyGateway):
    def silent(self, cause: str) -> Outcome:
        return Declined(DeclineKind.SOFT, "timeout")


class ConflictIsDecline(PiggyGateway):
    def conflict(self, end: Answered) -> Outcome:
        return Declined(DeclineKind.HARD, "duplicate")


class ResetIsNotSent(PiggyGateway):
    def silent(self, cause: str) -> Outcome:
        return NotSent(cause)


class AbsentAtOnce(PiggyGateway):
    _capabilities = replace(PiggyGateway._capabilities, visibility_lag=timedelta(0))


class AnyPageIsAbsence(PiggyGateway):
    def absence(self, end: Answered, charge: Charge) -> Unknown | NotFound:
        return NotFound(conclusive=True)


class AuthorisationIsSuccess(PiggyGateway):
    def authorised(self, said: Json, charge: Charge) -> Outcome:
        return Succeeded(said["id"], charge.amount, charge.attempt_key)


class ReportsWhatWasAsked(PiggyGateway):
    def taken(self, said: Json, charge: Charge) -> Money:
        return charge.amount


class GarbageIsSuccess(PiggyGateway):
    def unreadable(self, end: Answered, why: str, charge: Charge) -> Outcome:
        if end.status in {200, 201} and "another" not in why:
            return Succeeded("?", charge.amount, charge.attempt_key)
        return super().unreadable(end, why, charge)


class ForbiddenIsDecline(PiggyGateway):
    def unreadable(self, end: Answered, why: str, charge: Charge) -> Outcome:
        if end.status == 403:
            return Declined(DeclineKind.HARD, "forbidden")
        return super().unreadable(end, why, charge)


class BusyIsDecline(PiggyGateway):
    def answered(self, end: Answered, charge: Charge) -> Outcome:
        return Declined() if end.status == 429 else super().answered(end, charge)


class BelievesAnyAnswer(PiggyGateway):
    def payment(self, said: Json, charge: Charge) -> Outcome:
        known = {**charge_fields(charge), **said, "reference": charge.attempt_key}
        return super().payment(known, charge)


class SecretInCause(PiggyGateway):
    def failed(self, end: Answered) -> Outcome:
        return Unknown(f"HTTP {end.status} with {self.headers()}")


class NeverVerifies(PiggyGateway):
    def verify(self, headers: object, body: bytes) -> None: ...


class NeverLooksAtTheClock(PiggyGateway):
    def check_age(self, at: datetime) -> None: ...


class TrustsUnsigned(PiggyGateway):
    """For a Piggy that does not sign."""

    def verify(self, headers: object, body: bytes) -> None: ...

    def notice(self, said: Json, payment: Json) -> GatewayNotice:
        hint = super().notice(said, payment)
        return replace(hint, outcome=Declined(), signed_and_final=True)


class HintsUnsigned(PiggyGateway):
    """Good, for a Piggy that does not sign."""

    def verify(self, headers: object, body: bytes) -> None: ...


class AcceptedIsUndone(PiggyGateway):
    def accepted(self) -> Undo:
        return Undone()


class CancelBurnsNothing(PiggyGateway):
    async def cancel(self, sent: SentCharge) -> Undo:
        found = await self.lookup(sent)
        if isinstance(found, NotFound):
            return Undone()
        return await super().cancel(sent)


class RaisesOnErrors(PiggyGateway):
    def failed(self, end: Answered) -> Outcome:
        raise RuntimeError(f"HTTP {end.status}")


class RaisesOnNoise(PiggyGateway):
    def unreadable(self, end: Answered, why: str, charge: Charge) -> Outcome:
        raise KeyError(why)


class DeclinesAreFinal(PiggyGateway):
    """Says that a decline is final at once, which is not so at Piggy's."""

    _capabilities = replace(PiggyGateway._capabilities, failed_is_final_after=timedelta(0))


class LooksUpByChargeId(PiggyGateway):
    async def lookup(self, sent: SentCharge) -> Outcome | NotFound:
        return await super().lookup(sent) if sent.charge_id else Unknown("no charge id is known")


class CancelsAreSuccesses(PiggyGateway):
    """Says undone whatever the gateway answers."""

    def undone(self, end: CallEnd, sent: SentCharge) -> Undo:
        return Undone() if isinstance(end, Answered) else super().undone(end, sent)


def charge_fields(charge: Charge) -> Json:
    return {"id": "?", "captured": 0, "currency": charge.amount.currency, "state": "unread"}
