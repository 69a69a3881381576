"""A genuine notification and every forgery of it, handed to the adapter."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from external_gate.domain.charge import Charge
from external_gate.domain.errors import BadInput, Refused
from external_gate.domain.outcome import Succeeded
from external_gate.gateways.gateway import GatewayNotice
from external_gate.testkit.rig import Notification, SendsNotifications
from external_gate.testkit.stage import Stage
from external_gate.testkit.violation import Notebook

REGIONS = 12
"""Places of the body in which one byte is altered."""

LONG_AGO = timedelta(days=2)

Notices = Sequence[GatewayNotice]


async def probe_notifications(stage: Stage, book: Notebook, charge: Charge) -> None:
    """Try the genuine one, then whatever is not."""
    if not isinstance(stage.rig, SendsNotifications):
        return
    genuine = await stage.backstage.call(stage.rig.notification(charge.attempt_key))
    if genuine is None:
        return
    notices = _parse(stage, book, genuine, genuine.headers, genuine.body)
    if notices is None:
        sentence = "a genuine notification was refused"
        book.must("genuine-is-accepted", holds=False, sentence=sentence)
        return
    named = [notice for notice in notices if notice.attempt_key == charge.attempt_key]
    sentence = "a genuine notification does not name its attempt"
    book.must("genuine-is-accepted", bool(named), sentence)
    await _compare_with_books(stage, book, charge, named)
    if not genuine.signed:
        final = any(notice.signed_and_final for notice in notices)
        sentence = "a notification without a signature was taken for final"
        book.must("unsigned-is-a-hint", not final, sentence)
        return
    _try_forgeries(stage, book, genuine, notices)
    _try_other_secret(stage, book, genuine)
    _try_old_copy(stage, book, genuine)


async def _compare_with_books(
    stage: Stage, book: Notebook, charge: Charge, notices: Notices
) -> None:
    books = await stage.takings(charge.attempt_key)
    if books is None:
        return
    for notice in notices:
        if isinstance(notice.outcome, Succeeded):
            right = any(one.amount == notice.outcome.amount for one in books)
            sentence = "a notification was read as a success that the books do not show"
            book.must("success-is-money", right, sentence, (), books)


def _try_forgeries(stage: Stage, book: Notebook, genuine: Notification, notices: Notices) -> None:
    for what, body in _altered_bodies(genuine.body):
        accepted = _parse(stage, book, genuine, genuine.headers, body)
        sentence = f"a notification with {what} was accepted"
        book.must("forged-is-refused", accepted is None, sentence)
    unsigned = _parse(stage, book, genuine, {}, genuine.body)
    book.must("forged-is-refused", unsigned is None, "a notification without headers was accepted")
    for name, headers in _altered_headers(genuine.headers):
        accepted = _parse(stage, book, genuine, headers, genuine.body)
        # A header that no signature covers may say anything, as long as nothing hangs on it.
        fair = accepted is None or _claims(accepted) == _claims(notices)
        sentence = f"a notification with an altered header {name} was read otherwise"
        book.must("forged-is-refused", fair, sentence)


def _try_other_secret(stage: Stage, book: Notebook, genuine: Notification) -> None:
    """Let an adapter with other secrets read it: it was signed by somebody else, then."""
    try:
        stage.renew_adapter(_with_other_secrets(stage.settings, stage.rig.secrets))
    except Exception:  # noqa: BLE001 - a secret of another shape may be refused in any way
        stage.renew_adapter()
        return
    accepted = _parse(stage, book, genuine, genuine.headers, genuine.body)
    sentence = "a notification signed with another secret was accepted"
    book.must("forged-is-refused", accepted is None, sentence)
    stage.renew_adapter()


def _try_old_copy(stage: Stage, book: Notebook, genuine: Notification) -> None:
    if not genuine.dated:
        return
    stage.adapter_clock.advance(LONG_AGO)
    accepted = _parse(stage, book, genuine, genuine.headers, genuine.body)
    stage.adapter_clock.advance(-LONG_AGO)
    sentence = f"a copy that is {LONG_AGO.days} days old was accepted"
    book.must("stale-is-refused", accepted is None, sentence)


def _parse(
    stage: Stage,
    book: Notebook,
    genuine: Notification,
    headers: Mapping[str, str],
    body: bytes,
) -> Notices | None:
    """Give what the adapter reads; None when it refuses."""
    lower = {name.lower(): text for name, text in headers.items()}
    try:
        return stage.gateway.parse_notification(lower, body, genuine.url)
    except (Refused, BadInput) as error:
        bare = not book.holds_secret(repr(error))
        book.must("secrets-stay-out-of-answers", bare, "a refusal gave away a secret")
    except Exception as error:  # noqa: BLE001 - that nothing else escapes is what is examined
        sentence = f"parse_notification raised {type(error).__name__}, not Refused or BadInput"
        book.must("never-raises", holds=False, sentence=sentence)
    return None


def _claims(notices: Notices) -> list[tuple[object, ...]]:
    """Give all but the event's id, which some gateways put into an unsigned header."""
    return [(one.attempt_key, one.outcome, one.signed_and_final) for one in notices]


def _altered_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    step = max(1, len(body) // REGIONS)
    for place in range(0, len(body), step):
        changed = bytes([body[place] ^ 0x01])
        yield f"byte {place} altered", body[:place] + changed + body[place + 1 :]
    yield "a byte more", body + b" "
    yield "its last byte cut", body[:-1]
    yield "an empty body", b""


def _altered_headers(headers: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    for name, text in headers.items():
        without = {other: said for other, said in headers.items() if other != name}
        yield name, without
        yield name, {**without, name: ""}
        turned = "0" if text[-1:] != "0" else "1"
        yield name, {**without, name: text[:-1] + turned}


def _with_other_secrets(
    settings: Mapping[str, object], secrets: Sequence[str]
) -> dict[str, object]:
    """Give settings whose secrets are of the same shape, but others."""

    def other(value: object) -> object:
        if isinstance(value, str) and value in secrets:
            half = len(value) // 2
            return value[:half] + value[half:].swapcase()
        return value

    changed = {name: other(value) for name, value in settings.items()}
    if changed == dict(settings):
        raise BadInput("no setting is one of the rig's secrets")
    return changed
