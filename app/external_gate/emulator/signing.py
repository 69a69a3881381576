"""The signature on a webhook, made as Metronome documents it for its receivers.

Source: docs.metronome.com, guides/platform-configuration/setup-webhooks, read 2026-08-28.
"""

import hashlib
import hmac
from datetime import datetime
from email.utils import format_datetime


def signed_headers(body: bytes, *, secret: str, wall_now: datetime) -> dict[str, str]:
    """Give every header of one delivery attempt. `wall_now` is real time, in UTC."""
    date = format_datetime(wall_now, usegmt=True)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Metronome",
        "X-Metronome-Date": date,
        "Date": date,
        "Metronome-Webhook-Signature": signature(body, secret=secret, date=date),
    }


def signature(body: bytes, *, secret: str, date: str) -> str:
    """Give lower-case hex HMAC-SHA256 over the date, a newline and the body's bytes."""
    return hmac.new(secret.encode(), date.encode() + b"\n" + body, hashlib.sha256).hexdigest()
