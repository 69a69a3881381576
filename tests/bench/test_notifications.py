"""The load must be what Metronome would send, or the figures are worth nothing."""

from datetime import UTC, datetime, timedelta

from bench.load.notifications import SECRET, Notifications, notification_id
from external_gate.intake import envelope
from external_gate.intake.signature import AgeLimits, Freshness, verify


def parsed(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}
    assert int(headers["content-length"]) == len(body)
    return headers, body


def freshness(notifications: Notifications, number: int) -> Freshness:
    headers, body = parsed(notifications.request(number))
    now = datetime.now(UTC)
    return verify(headers, body, secrets=[SECRET], now=now, limits=AgeLimits()).freshness


def test_each_is_validly_signed_and_asks_for_another_charge() -> None:
    read = [envelope.read(parsed(Notifications(3).request(number))[1]) for number in range(50)]

    assert freshness(Notifications(3), 0) is Freshness.ACT
    assert [each.flaw for each in read] == [None] * 50
    assert [each.notification_id for each in read] == [notification_id(3, n) for n in range(50)]
    assert len({each.workflow_id for each in read}) == 50
    assert len({each.invoice_id for each in read}) == 50


def test_batches_share_no_notification() -> None:
    assert not {notification_id(1, n) for n in range(50)} & {
        notification_id(2, n) for n in range(50)
    }


def test_old_ones_are_kept_and_not_acted_on() -> None:
    assert freshness(Notifications(1, timedelta(days=4)), 0) is Freshness.STALE
